"""What is read of an HTML page: all that a reader sees of it, and as little of the site around it as can be."""

import re
from collections import Counter

import pytest

from ingest.loaders import load
from tests.html_pages import LOREM, PAGES
from tests.loaders_samples import epub

_NO_TEXT = re.compile(r"(?s)<script.*?</script>|<[^>]*>")
_WORD = re.compile(r"[^\W\d_]+")


def text_of(body: str, *, head: str = "") -> str:
    markup = f"<!DOCTYPE html><html><head><title>TITLE</title>{head}</head><body>{body}</body></html>"
    return load(markup.encode(), source="a.html").text


def words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text))


def small(counts: Counter[str]) -> Counter[str]:
    return Counter({word: count for word, count in counts.items() if word.islower()})


@pytest.mark.parametrize("name", PAGES)
def test_all_that_a_reader_sees_is_kept_and_nothing_else(name: str) -> None:
    loaded = words(text_of(PAGES[name]))
    assert loaded == small(words(_NO_TEXT.sub(" ", PAGES[name])))


def test_the_pages_hold_what_is_to_be_left_out() -> None:
    """Recall and precision of what is loaded are 1 on these pages; of all their words, a fifth is not to be read."""
    counts = sum((words(_NO_TEXT.sub(" ", page)) for page in PAGES.values()), Counter())
    assert 0.15 < 1 - small(counts).total() / counts.total() < 0.4


def test_headings_inside_kept_elements_are_headings() -> None:
    page = f"<header><h1>Rye</h1></header><main><h2><button>How?</button></h2><aside><h3>Why</h3></aside>{LOREM}</main>"
    document = load(page.encode(), source="a.html")
    assert [(heading.level, heading.text) for heading in document.headings] == [(1, "Rye"), (2, "How?"), (3, "Why")]
    assert document.title == "Rye"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("press <button>Save</button> to store", "press Save to store"),
        ("<dt><button>Returns</button></dt><dd>thirty days</dd>", "Returns\nthirty days"),
        ("<div><button>Copy</button><pre>x = 1</pre></div>", "x = 1"),
        ("<pre><button>Copy</button>x = 1</pre>", "x = 1"),
        ("<p>a</p><button aria-expanded=false class=navbar-toggler>Toggle</button>", "a"),
        ("<button>One</button><button>Two</button><p>a</p>", "a"),
        ("<p>a<div><button data-bs-toggle=collapse>Care</button></div><div>b</div>", "a\n\nCare\n\nb"),
        ("<button role=tab>One</button><button role=tab>Two</button>", "One Two"),
    ],
)
def test_buttons_are_read_where_they_are_text(body: str, expected: str) -> None:
    assert text_of(body) == expected


@pytest.mark.parametrize(
    ("icon", "shown"),
    [
        ("<i aria-hidden=true>cart</i>", ""),
        ("<span aria-hidden=true>expand_more</span>", ""),
        ("<span aria-hidden=true class=icon>menu</span>", ""),
        ("<b class=material-symbols-outlined>home</b>", ""),
        ("<span aria-hidden=true>→ ×</span>", ""),
        ("<span aria-hidden=true>here</span>", "here"),
        ("<div aria-hidden=true><p>a sentence</p></div>", "a sentence"),
        ("<b aria-hidden=true>$12</b>", "$12"),
        ("<i class=raw-material-name>copper</i>", "copper"),
        ("<math><mi>e</mi></math><span class=katex-html aria-hidden=true><i>e</i></span>", "e"),
    ],
)
def test_names_of_icons_are_not_text(icon: str, shown: str) -> None:
    assert text_of(icon + "<p>end") == f"{shown}\n\nend".strip()


@pytest.mark.parametrize(
    ("ruby", "expected"),
    [
        ("<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>", "漢字"),
        ("<ruby>漢字<rp>（</rp><rt>かんじ</rt><rp>）</rp></ruby>", "漢字"),
        ("<ruby>\n <rb>短</rb>\n <rt>たん</rt>\n <rb>槍</rb>\n <rt>そう</rt>\n</ruby>", "短槍"),
        ("<ruby><rb>漢<rb>字<rt>かん<rt>じ</ruby>", "漢字"),
        ("<ruby>漢<rt>かん<rb>字<rt>じ</ruby>", "漢字"),
        ("<ruby><rbc><rb>漢</rb><rb>字</rb></rbc><rtc><rt>かん</rt><rt>じ</rt></rtc></ruby>", "漢字"),
        ("私は\n  <ruby>東<rt>とう</rt></ruby>\n  <ruby>京<rt>きょう</rt></ruby>\n  で", "私は東京で"),
        ("the\n<ruby>漢<rt>かん</rt></ruby>\nsign", "the 漢 sign"),
        ("<ruby>World<rt>ワールド</rt> Wide<rt>ワイド</rt></ruby>", "World Wide"),
        ("<ruby><ruby>東<rt>とう</rt>京<rt>きょう</rt></ruby><rt>capital</rt></ruby>", "東京"),
    ],
)
def test_ruby_is_its_base_text(ruby: str, expected: str) -> None:
    assert text_of(f"<p>「{ruby}」です") == f"「{expected}」です"


def test_ruby_is_its_base_text_where_markup_is_too_deep_for_a_tree() -> None:
    assert text_of("<div>" * 3000 + "<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字</ruby>です") == "漢字です"


def test_a_page_of_scripts_or_hidden_text_alone_is_empty() -> None:
    for body in (
        "<div id=root></div><noscript>Please enable JavaScript to view this page.</noscript><script>run()</script>",
        "<div hidden>casino</div>",
        "<dialog>casino</dialog><template>bonus</template>",
    ):
        assert text_of(body) == ""


def test_an_open_dialog_beside_the_main_content_is_read() -> None:
    main = f"<main><h1>Kettles</h1><p>{'We sell kettles. ' * 9}</p></main>"
    assert "Stop" in text_of(f"<dialog open role=alertdialog><h2>Recall</h2><p>Stop using it.</p></dialog>{main}")
    assert "agree" not in text_of(f"<dialog open class=cookie-banner><p>Do you agree?</p></dialog>{main}")


def test_long_hidden_text_is_not_the_page() -> None:
    spam = "casino " * 500
    assert text_of(f"<p>bread</p><div style='display:none'>{spam}</div><script src=a.js></script>") == "bread"
    assert text_of(f"<p>bread</p><div hidden><h1>x</h1>{spam}</div>") == "bread"


@pytest.mark.parametrize(
    ("style", "head", "is_seen"),
    [
        ("p.x, #y { color: red; display: none }", "", False),
        (".x { display: none; display: block }", "", True),
        ("/* .x {} */ a{} .x{visibility:hidden !important}", "", False),
        ("#x{display:none}", "", False),
        (".x{display:none} .x.open{display:block}", "", True),
        (".x{display:none} #t:checked ~ .x{display:block}", "", True),
        ("@media print { .x { display: none } }", "", True),
        (".y .x{display:none}", "", True),
        (".x{display:none}", "<script>show()</script>", True),
        (".x{display:none}", "<script type='application/ld+json'>{}</script>", False),
        (".x{display:none", "", True),
        ("}}.x{backface-visibility:hidden}", "", True),
    ],
)
def test_what_a_stylesheet_hides_for_good_is_not_read(style: str, head: str, is_seen: bool) -> None:
    text = text_of("<p>bread<p class=x id=x>casino", head=f"<style>{style}</style>{head}")
    assert text == ("bread\n\ncasino" if is_seen else "bread")


def test_what_a_control_elsewhere_shows_is_read() -> None:
    page = '<a onclick="toggle(\'a-1\')">more</a><p>bread<div id=a-1 style="display:none">rye</div>'
    assert text_of(page) == "more\n\nbread\n\nrye"
    assert text_of("<a href='#t'>tab</a><p>bread<div id=t hidden>rye</div>") == "tab\n\nbread\n\nrye"
    modal = "<button data-bs-target='#m'>More</button><p>bread<div id=m hidden>rye</div>"
    assert text_of(modal) == "More\n\nbread\n\nrye"


def test_a_page_that_is_all_navigation_keeps_what_is_visible() -> None:
    assert text_of("<nav><a href=/a>One</a></nav><p hidden>no</p><footer>Two</footer>") == "One\n\nTwo"


def footer(inner: str, *, tag: str = "footer") -> str:
    """What is read of a site's footer."""
    page = f"<nav><a href=/>HOME</a></nav><main><h1>bread</h1>{LOREM}</main><{tag}>{inner}</{tag.split()[0]}>"
    return text_of(page).removeprefix(f"bread\n\n{LOREM}").strip()


_LINKS = "<ul><li><a href=/jobs>JOBS</a></li><li><a href=/shop>SHOP</a></li></ul>"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (f"<address>the mill<br>dover</address>{_LINKS}<p>© 2024 THE MILL</p>", "the mill\ndover"),
        (f"mill ltd<br>12345 dover<br>tel. 030 123456{_LINKS}", "mill ltd\n12345 dover\ntel. 030 123456"),
        (f"<h4>hours</h4><p>mon–fri 9–17</p><p>sunday closed</p><h4>MORE</h4>{_LINKS}",
         "hours\n\nmon–fri 9–17\n\nsunday closed"),
        ("<table><tr><td>di</td><td>9:00 - 17:30</td></tr><tr><td>so</td><td>zu</td></tr></table>",
         "di | 9:00 - 17:30\nso | zu"),
        (f"<div><p>ann miller</p><p><a href='mailto:a@b.c'>write to us</a></p></div><div>{_LINKS}</div>",
         "ann miller\n\nwrite to us"),
        (f"<p>{LOREM}</p><p>MADE IN DOVER</p>", LOREM),
        (f"<p>{LOREM.upper()}: © 2024</p><form><p>WRITE@US.ORG</p></form>", ""),
        (f"<div class=contact-card><p>the old mill</p><p>© 2024 THE MILL</p></div>{_LINKS}", "the old mill"),
        ("BUILT WITH <a href=s>SPHINX</a> 7.2 ON 03/05/2024 12:30, BUILD 2001-2024", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tag", ["footer", "div class=site-footer"])
def test_of_a_footer_addresses_hours_and_prose_are_read(tag: str, inner: str, expected: str) -> None:
    assert footer(inner, tag=tag) == expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("<iframe srcdoc='<h2>rye</h2><p>a &amp;amp; b</p>'>NO FRAMES</iframe>", "rye\n\na & b"),
        ("<iframe srcdoc='<style>.x{display:none}</style><p class=x>NO</p><p>yes'></iframe>", "yes"),
        ("<iframe srcdoc='<iframe srcdoc=&quot;inner&quot;></iframe>'></iframe>", "inner"),
        ("<iframe hidden srcdoc='<p>NO</p>'></iframe>", ""),
        ("<iframe width=0 srcdoc='<p>NO</p>'></iframe>", ""),
        ("<iframe src=other.html>NO FRAMES</iframe>", ""),
    ],
)
def test_what_a_frame_holds_in_the_page_is_read_in_its_place(frame: str, expected: str) -> None:
    assert text_of(f"<p>before</p>{frame}<p>after</p>") == "\n\n".join(filter(None, ["before", expected, "after"]))


def test_a_book_has_no_parts_of_a_site() -> None:
    chapter = (
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body>'
        '<header><p>I</p></header><nav epub:type="page-list">9</nav><p>the <ruby>漢<rt>かん</rt></ruby></p>'
        '<aside epub:type="footnote" hidden="hidden">one</aside><aside class="sidebar"><a href="b">two</a></aside>'
        '<footer>three</footer><p style="display:none">no</p></body></html>'
    )
    document = load(epub({"a.xhtml": chapter}), source="a.epub")
    assert document.text.split("\n\n") == ["I", "the 漢", "one", "two", "three"]


_HOSTILE = [
    "<aside><a href=x>a</a>", "<div hidden>a", "<main>a<article>", "<ruby>a<rt>b", "<p style='display:none'>a</p>b",
    "<aside>a</aside>", "<main>a</main><div>b</div>", "<footer>a</footer>", "<button>a</button><div>b</div>",
    "<ruby>漢<rt>b</rt></ruby>", "<b>a<svg><title>a</title></svg>", "<header><h1><a href=/>a</a></h1></header>",
    "<dd hidden>a</dd>", "<footer>a<p>b@c.de</p>", "<iframe srcdoc='a'></iframe>",
]  # fmt: skip


@pytest.mark.parametrize("unit", _HOSTILE)
@pytest.mark.parametrize("depth", [0, 1900])
def test_many_or_deep_elements_are_read_in_time(unit: str, depth: int) -> None:
    """What is quadratic in siblings, or looks up all ancestors of each, would run into the suite's time limit."""
    assert isinstance(text_of("<div>" * depth + unit * (20_000 // len(unit))), str)
