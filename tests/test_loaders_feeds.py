"""Feeds and WordPress exports: what a reader of the feed reads, without markup."""

import pytest

from ingest.loaders import load
from retrieval.types import Document

RSS = '<rss version="2.0" xmlns:c="content" xmlns:dc="dc"><channel><title>Tides</title>{}</channel></rss>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>Tides</title>{}</feed>'


def read(feed: str, source: str = "news.xml") -> Document:
    return load(feed.encode(), source=source)


def entry(inner: str, *, atom: bool = False) -> str:
    """The text of one entry with the title "Neap"."""
    item = f"<entry><title>Neap</title>{inner}</entry>" if atom else f"<item><title>Neap</title>{inner}</item>"
    document = read((ATOM if atom else RSS).format(item))
    assert [(heading.level, heading.text) for heading in document.headings[:2]] == [(1, "Tides"), (2, "Neap")]
    return document.text.removeprefix("Tides\n\nNeap\n\n")


@pytest.mark.parametrize("form", ["<![CDATA[<p>Low &amp; <b>slow</b></p><p>tide</p>]]>",
                                  "&lt;p&gt;Low &amp;amp; &lt;b&gt;slow&lt;/b&gt;&lt;/p&gt;&lt;p&gt;tide&lt;/p&gt;",
                                  "<p>Low &amp; <b>slow</b></p><p>tide</p>"])  # fmt: skip
@pytest.mark.parametrize("name", ["description", "c:encoded"])
def test_html_in_an_rss_item_is_text(name: str, form: str) -> None:
    assert entry(f"<{name}>{form}</{name}>") == "Low & slow\n\ntide"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<content type="html">&lt;p&gt;Low &amp;amp; slow&lt;/p&gt;</content>', "Low & slow"),
        ('<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Low<br/>tide</div></content>', "Low\ntide"),
        ('<content type="xhtml"><x:div xmlns:x="http://www.w3.org/1999/xhtml"><x:p>a</x:p></x:div></content>', "a"),
        ('<content type="text">The &lt;p&gt; tag</content>', "The <p> tag"),
        ("<content>&lt;ul&gt;&lt;li&gt;a&lt;/li&gt;&lt;li&gt;b&lt;/li&gt;&lt;/ul&gt;</content>", "a\nb"),
    ],
)
def test_atom_says_what_its_content_is(content: str, text: str) -> None:
    assert entry(content, atom=True) == text


def test_what_only_looks_like_a_tag_stays() -> None:
    text = "Take List&lt;String&gt; where a &lt; b\n\nhttp://x/?a=1&amp;copy=2"
    assert entry(f"<description>{text}</description>") == "Take List<String> where a < b\n\nhttp://x/?a=1&copy=2"


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ("Ebb &amp;amp; flow &amp;#8211; why", "Ebb & flow – why"),
        ("An &amp;notit;", "An &notit;"),
        ("<![CDATA[<em>Ebb</em> and flow]]>", "Ebb and flow"),
        ("The &lt;b&gt; element", "The <b> element"),
    ],
)
def test_titles_are_text_in_one_line(title: str, heading: str) -> None:
    assert read(RSS.format(f"<item><title>{title}</title></item>")).headings[1].text == heading


def test_links_times_authors_and_categories_are_lines_with_their_names() -> None:
    rss = "<link>http://x/1</link><guid>http://x/1</guid><pubDate>Mon</pubDate><dc:creator>Ada</dc:creator>"
    assert entry(f"{rss}<category>sea</category><category>moon</category>").split("\n") == [
        "Link: http://x/1", "Published: Mon", "Author: Ada", "Category: sea, moon",
    ]  # fmt: skip
    atom = '<link href="http://x/1"/><link rel="self" href="http://x/f"/><category term="sea"/><updated>Mon</updated>'
    assert entry(atom, atom=True).split("\n") == ["Link: http://x/1", "Updated: Mon", "Category: sea"]


def test_an_entry_without_a_title_has_its_link_as_the_heading() -> None:
    document = read(RSS.format("<item><description>a</description><link>http://x/1</link></item>"))
    assert [heading.text for heading in document.headings] == ["Tides", "http://x/1"]


def test_headings_in_an_entry_are_below_its_title() -> None:
    document = read(RSS.format("<item><title>Neap</title><description><![CDATA[<h2>Why</h2>x]]></description></item>"))
    assert [(heading.level, heading.text) for heading in document.headings[2:]] == [(4, "Why")]


def test_a_wordpress_export_keeps_paragraphs_and_comments_but_not_its_own_fields() -> None:
    body = "<c:encoded><![CDATA[One <i>tide</i>.\n\nTwo.]]></c:encoded>"
    own = "<postmeta><meta_key>_edit_last</meta_key><meta_value>1</meta_value></postmeta>"
    comment = (
        "<comment><comment_author>Bob</comment_author><comment_content>So &lt;b&gt;low&lt;/b&gt;</comment_content>"
    )
    assert entry(f"{body}{own}{comment}</comment>").split("\n\n") == ["One tide.", "Two.", "Bob", "So low"]


def test_rss_1_has_its_items_beside_the_channel() -> None:
    document = read(
        '<rdf:RDF xmlns:rdf="r"><channel><title>Tides</title></channel><item><title>Neap</title>'
        "<description>&lt;b&gt;low&lt;/b&gt;</description></item></rdf:RDF>",
        "news.rdf",
    )
    assert document.text == "Tides\n\nNeap\n\nlow"


@pytest.mark.parametrize("feed", [RSS, ATOM])
def test_a_feed_is_known_by_its_content(feed: str) -> None:
    assert read(feed.format("<entry><title>Neap</title></entry>"), "news").title == "Tides"


def test_what_stands_behind_an_unclosed_tag_is_not_lost() -> None:
    broken = "<item><title>{0}</title><description>low <br> tide &amp; {0}</description><link>http://{0}</link></item>"
    document = read(RSS.format(broken.format("a") + broken.format("b") + broken.format("c")))
    assert [heading.text for heading in document.headings] == ["Tides", "a", "b", "c"]
    assert document.text.split()[1:] == [word for n in "abc" for word in f"{n} low tide & {n} http://{n}".split()]
