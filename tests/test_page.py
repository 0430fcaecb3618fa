"""The page at /, in a real browser, against a real `retrieve serve`."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml.html import fromstring
from selenium.webdriver.common.keys import Keys
from typer.testing import CliRunner

from ingest import add
from retrieval import HybridIndex
from retrieval.adapters.http.page import page_files, page_html
from retrieval.cli import app
from retrieval.types import Document, Heading
from tests.browser import Browser, chromium, foreign
from tests.ingesting import sync
from tests.loaders_samples import pdf
from tests.scripted_server import STATS, Answer, Headers, found, scripted
from tests.serving import Serving

DOCS = {
    "guide/rain.md": "# Weather\n\n## Rain\n\nRain falls when vapour condenses into droplets inside a cloud.",
    "guide/snow.md": "# Snow\n\nWhere a cloud is colder than freezing, vapour turns into crystals of ice.",
    "guide/umbrella.md": "# Shelter\n\n☔️🌧️👩‍👩‍👧 A good umbrella keeps off the rain; so does a second umbrella.",
    "cooking/bread.md": "# Bread\n\nFlour, water, salt and yeast; the dough rests for a night.",
    "cooking/soup.md": "# Soup\n\nBoil the vegetables in water, slowly, and add salt at the end.",
    "river.md": "\n\n".join(
        f"# Mile {n}\n\n" + ("Here Ottokar keeps his ferry." if n == 17 else "An old mill, a landing. " * 9)
        for n in range(30)
    ),
}
EVIL = "<img src=x onerror=\"window.ran='{}'\"><script>window.ran='{}'</script>"


def evil(where: str) -> str:
    return EVIL.format(where, where)


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index"
    docs = [Document(source=f"docs/{name}", text=text, syntax="markdown") for name, text in DOCS.items()]
    hostile = Document(
        source=f"notes/{evil('source')}",
        text=f"{evil('heading')}\n\nThe hostile wombat says {evil('text')} & means &lt;it&gt;.",
        title=evil("title"),
        metadata={f"<b>{evil('field')}</b>": evil("value"), "animal": "wombat"},
        headings=(Heading(0, 1, evil("heading")),),
    )
    tame = Document(source="notes/tame", text="The tame wombat sleeps.", metadata={"animal": "wombat", "year": 2024})
    with HybridIndex.open(path) as index:
        add([*docs, hostile, tame], index)
    return path


@pytest.fixture(scope="module")
def served(index_path: Path) -> Iterator[Serving]:
    with Serving(index_path) as process:
        yield process


@pytest.fixture(scope="module")
def one_browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """Wide, light, and without a memory."""
    one_browser.open("about:blank")
    one_browser.resize(1280, 800)
    one_browser.prefer("light")
    one_browser.requests()
    one_browser.errors()
    return one_browser


@pytest.fixture
def page(browser: Browser, served: Serving) -> Iterator[Browser]:
    """In the end, nothing went elsewhere, nothing ran against the policy and nothing complained."""
    yield browser
    assert not foreign(browser.requests(), served.url)
    assert not browser.violations()
    assert not browser.errors()


def widths(page: Browser, kind: str) -> list[float]:
    """How full the bars of the hits are, in percent."""
    script = "return [...document.querySelectorAll(arguments[0])].map((bar) => parseFloat(bar.style.width))"
    return page.run(script, f".{kind} .bar i")


def is_in_view(page: Browser, selector: str) -> bool:
    script = """
    const box = document.querySelector(arguments[0]).getBoundingClientRect();
    const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return seen !== null && document.querySelector(arguments[0]).contains(seen);
    """
    return page.run(script, selector)


# What is found


def test_a_hit_shows_where_it_stands_its_marks_and_both_scores(page: Browser, served: Serving) -> None:
    page.open(served.page())
    page.one("#query").send_keys("what makes rain fall from a cloud?", Keys.ENTER)
    first = page.one(".hit")
    assert "docs/guide/rain.md:" in first.text
    assert {"Rain", "falls", "cloud"} <= {mark.text for mark in page.all(".hit:first-child mark")}
    assert "#1" in first.text
    assert widths(page, "score")[0] == 100
    for side in ("relevance", "dense", "lexical"):
        assert 0 < widths(page, side)[0] <= 100
    assert page.run("return document.getElementById('status').textContent").startswith("Hybrid: ")


@pytest.mark.slow
def test_an_emoji_before_a_word_does_not_shift_its_mark(page: Browser, served: Serving) -> None:
    page.open(served.page(q="umbrella", view="lexical"))
    assert page.one(".hit mark")
    assert page.texts(".hit mark") == ["umbrella", "umbrella"]
    page.one(".open").click()
    page.one(".chunk.found mark")
    assert page.texts(".chunk.found mark") == ["umbrella", "umbrella"]


def test_compare_shows_both_sides_beside_what_becomes_of_them(page: Browser, served: Serving) -> None:
    page.open(served.page(q="salt water"))
    page.one(".hit")
    page.one("label:has([value=compare])").click()
    page.until(lambda: len(page.all(".column .hits")) == 3)
    assert [column.get_attribute("aria-label") for column in page.all(".column")] == ["Hybrid", "Dense", "Lexical"]
    tops, lefts = zip(*[(column.rect["y"], column.rect["x"]) for column in page.all(".column")], strict=True)
    assert len(set(tops)) == 1 and sorted(set(lefts)) == list(lefts)
    assert "not asked" in page.texts(".column:nth-child(3) .hit")[0]
    page.one("#legend-button").click()
    assert "Not among this side's candidates" in page.one("#legend").text
    page.press(Keys.ESCAPE)
    assert page.gone("#legend")
    assert "view=compare" in page.driver.current_url


def test_what_is_not_relevant_is_shown_only_when_asked_for(browser: Browser) -> None:
    noise = found("Bread rises.", "Beer is brewed.", has_relevant=False)
    with scripted() as server:
        server.answer = lambda path, body, headers: noise if path == "/search" else Answer(STATS)
        browser.open(f"{server.origin}/?q=whales")
        assert browser.says(".note", "Nothing relevant found.")
        spoken = "return document.getElementById('status').textContent"
        assert browser.run(spoken) == "Hybrid: nothing relevant"
        assert not browser.all(".hit") and not browser.one("h2").text.endswith("2 hits")
        assert browser.gone("#legend-button")
        browser.one("#query").send_keys(Keys.ARROW_DOWN)
        assert browser.focused == browser.one(".note button")
        browser.press(Keys.ENTER)
        assert browser.focused == browser.one(".hit:first-child .open")
        assert len(browser.all(".hit")) == 2 and not browser.all("#columns .note")
        assert browser.run(spoken) == "Hybrid: the nearest 2 passages"
        assert browser.one("#legend-button").get_attribute("aria-label") == "What the figures mean"
        browser.open("about:blank")


def test_short_lines_stay_lines_and_prose_is_broken_anew(browser: Browser) -> None:
    code = "def sweep(room):\n    room.dust = 0\n\nsweep(attic)"
    prose = "\n".join(["Whoever sweeps the attic begins at the far wall, and goes on towards the stairs."] * 3)
    with scripted() as server:
        server.answer = lambda path, body, headers: found(code, prose) if path == "/search" else Answer(STATS)
        browser.open(f"{server.origin}/?q=sweep")
        shown = browser.until(lambda: browser.texts(".excerpt"))
        assert [line.strip() for line in shown[0].split("\n")] == [
            "def sweep(room):",
            "room.dust = 0",
            "sweep(attic)",
        ]
        assert " stairs. Whoever " in shown[1].replace("\n", " ")
        assert browser.run("return getComputedStyle(document.querySelectorAll('.excerpt')[1]).whiteSpace") == "normal"
        browser.open("about:blank")


@pytest.mark.slow
def test_a_name_that_turns_its_letters_round_turns_nothing_else(browser: Browser) -> None:
    hits = found("nothing special")
    hits.body["results"][0]["hits"][0]["citation"] = "\u202edlo/\u202ecod.exe:12"
    with scripted() as server:
        server.answer = lambda path, body, headers: hits if path == "/search" else Answer(STATS)
        browser.open(f"{server.origin}/?q=special")
        browser.one(".hit")
        parts = [browser.one(f".open {part}").rect for part in (".folder", "bdi", ".lines")]
        ends = [(part["x"], part["x"] + part["width"]) for part in parts]
        assert all(end <= start + 1 for (_, end), (start, _) in pairwise(ends))
        browser.open("about:blank")


@pytest.mark.slow
def test_the_address_holds_the_question_and_the_way_back(page: Browser, served: Serving) -> None:
    page.open(served.page(q="bread", k="5"))
    page.says(".hit:first-child", "bread.md")
    page.one("#query").clear()
    page.one("#query").send_keys("snow", Keys.ENTER)
    page.says(".hit:first-child", "snow.md")
    page.one(".open").click()
    page.one("#document .found")
    shared = page.driver.current_url
    page.driver.back()
    page.gone("#document")
    page.driver.back()
    page.says(".hit:first-child", "bread.md")
    assert page.one("#query").get_attribute("value") == "bread"
    page.open(shared)
    assert "ice" in page.one("#document .found").text
    page.press(Keys.ESCAPE)
    page.gone("#document")
    assert page.texts(".hit")


@pytest.mark.slow
def test_an_address_that_asks_for_what_there_is_not_is_put_right(page: Browser, served: Serving) -> None:
    page.open(served.page(q="bread", view="constructor", k="7"))
    page.says(".hit:first-child", "bread.md")
    assert page.driver.current_url == served.page(q="bread")
    assert page.all("[value=hybrid]:checked")
    assert page.one("#top-k").get_attribute("value") == "10"


# A document


def test_a_document_opens_at_the_hit(page: Browser, served: Serving) -> None:
    page.open(served.page(q="Ottokar", view="lexical"))
    page.one(".open").click()
    hit = page.one(".chunk.found")
    assert page.until(lambda: is_in_view(page, ".chunk.found"))
    assert page.focused == hit
    assert page.texts(".chunk.found mark") == ["Ottokar"]
    assert page.run("return document.getElementById('document').scrollTop") > 500


def test_what_a_document_says_is_shown_and_does_nothing(page: Browser, served: Serving) -> None:
    page.open(served.page(q="wombat"))
    hit = page.until(lambda: next((hit for hit in page.all(".hit") if "hostile" in hit.text), None))
    for where in ("source", "title", "heading", "value", "field"):
        assert evil(where) in hit.text
    page.run("arguments[0].querySelector('.open').click()", hit)
    page.one(".chunk.found")
    shown = page.one("#document").text
    for where in ("source", "title", "heading", "text", "value", "field"):
        assert evil(where) in shown
    assert "& means &lt;it&gt;." in shown
    assert page.run("return window.ran ?? null") is None
    assert not page.all("main img, main script, main b b, #document img, #document script")


@pytest.mark.slow
def test_what_chunks_share_stands_once_in_a_document(browser: Browser) -> None:
    text = "A 🦦 swims. The otter dives. An otter sleeps."
    spans = [(0, 27), (11, 44)]  # the second sentence is in both; the emoji is one character
    chunks = [
        {
            "id": str(n), "ordinal": n - 1, "text": text[start:end], "char_start": start, "char_end": end,
            "line_start": 1, "line_end": 1, "page": None, "page_end": None, "headings": [], "tokens": 9,
        }
        for n, (start, end) in enumerate(spans, 1)
    ]  # fmt: skip
    record = {
        "id": "d", "source": "otter.md", "folder": "", "status": "ready", "reason": "", "title": None, "size": 0,
        "language": "english", "indexed": None, "metadata": {"Language": "the document's own"}, "chunks": chunks,
    }  # fmt: skip
    hits = found(chunks[0]["text"], chunks[1]["text"])
    for hit, highlights in zip(hits.body["results"][0]["hits"], ([(15, 20)], [(4, 9), (20, 25)]), strict=True):
        hit["highlights"] = highlights
    answers = {"/search": hits, "/documents/d": Answer(record), "/stats": Answer(STATS)}
    with scripted() as server:
        server.answer = lambda path, body, headers: answers[path]
        browser.open(f"{server.origin}/?q=otter&document=d&chunk=2")
        browser.one("#document [aria-current]")
        assert "".join(browser.run("return [...document.querySelectorAll('.text')].map((e) => e.textContent)")) == text
        assert browser.texts(".text mark") == ["otter", "otter"]
        assert {"english", "the document's own"} <= set(browser.texts("#document dd"))
        browser.open("about:blank")


def test_the_page_has_nothing_that_turns_text_into_markup_and_nothing_from_elsewhere() -> None:
    source = page_html() + "".join(page_files().values())
    sinks = "innerHTML|outerHTML|insertAdjacentHTML|write|srcdoc|createContextualFragment|eval|Function"
    assert not re.findall(rf"\b({sinks})\b", source)
    tree = fromstring(page_html())
    attributes = [(name, value) for element in tree.iter() for name, value in element.attrib.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]
    assert not [value for name, value in attributes if name in ("href", "src") and re.match(r"https?:|//", value)]
    assert [script.get("src") for script in tree.xpath("//script")] == ["page/main.js"]
    assert not tree.xpath("//style | //script[text()]")


def test_the_page_says_how_the_query_was_read(page: Browser, served: Serving) -> None:
    page.open(served.page(q="landng ottokar -ferry", operators="yes", view="lexical"))
    page.says(".reading", "Searched for “landing”")
    assert "Only passages without “ferry”." in page.texts(".reading")
    page.one("#operators").click()  # a filter that is set is in sight
    page.until(lambda: "operators" not in page.driver.current_url)


# Filters


def test_a_filter_that_is_not_json_is_explained_at_its_place(page: Browser, served: Serving) -> None:
    page.open(served.page(q="wombat"))
    page.one(".hit")
    page.one("#filters-button").click()
    page.one("#advanced summary").click()
    page.one("#where").send_keys('{"year": ', Keys.ENTER)
    page.says("#where-complaint", "not JSON")
    assert page.one("#where").get_attribute("aria-invalid") == "true"
    page.one("#where").send_keys('{"$gte": 2020}}', Keys.ENTER)
    page.until(lambda: len(page.all(".hit")) == 1)
    assert "notes/tame" in page.one(".hit").text
    assert page.texts("#where-complaint") == [""]


@pytest.mark.slow
def test_a_filter_is_explained_before_anything_is_asked(page: Browser, served: Serving) -> None:
    page.open(served.page())
    page.one("#filters-button").click()
    page.one("#advanced summary").click()
    page.one("#where").send_keys("year: 2020", Keys.TAB)
    page.says("#where-complaint", "not JSON")
    page.one("#where").send_keys(Keys.ENTER)
    page.until(lambda: "where=" in page.driver.current_url)
    assert page.focused == page.one("#where")
    page.open(page.driver.current_url)
    page.says("#where-complaint", "not JSON")


@pytest.mark.slow
def test_a_filter_can_be_picked_from_a_hit_and_by_where_the_source_begins(page: Browser, served: Serving) -> None:
    page.open(served.page(q="water"))
    page.one(".hit")
    page.one("#filters-button").click()
    page.one("#prefix option[value='docs/cooking/']").click()
    page.until(lambda: page.texts(".hit") and all("cooking" in text for text in page.texts(".hit")))
    page.open(served.page(q="wombat"))
    page.until(lambda: page.all(".chip"))
    next(chip for chip in page.all(".chip") if chip.text == "year: 2024").click()
    page.until(lambda: len(page.all(".hit")) == 1)
    assert json.loads(page.one("#where").get_attribute("value")) == {"year": 2024}
    page.open(served.page(q="wombat", prefix="nowhere/"))
    page.says(".note", "Nothing found that passes the filters.")
    page.says(".reading", "nowhere/")


@pytest.mark.slow
def test_a_question_that_makes_no_sense_is_answered_with_the_servers_words(browser: Browser, served: Serving) -> None:
    browser.open(served.page(q="??"))
    browser.says(".failure", "has no word in it")
    assert not browser.all(".failure button")  # to ask the same again would not help


def test_pickers_say_what_there_is_and_narrow_the_search(browser: Browser) -> None:
    facets = {
        "folders": [{"value": "docs/", "documents": 3}, {"value": "docs/guide/", "documents": 2}],
        "suffixes": [{"value": ".pdf", "documents": 2}, {"value": "", "documents": 1}],
        "languages": [{"value": "english", "documents": 3}],
        "dates": [{"field": "modified", "in_seconds": True, "first": "2024-01-05", "last": "2024-03-01"}],
    }
    bodies: list[Any] = []

    def answer(path: str, body: Any, headers: Headers) -> Answer:
        bodies.append(body)
        return found("rain") if path == "/search" else Answer(STATS)

    with scripted(**facets) as server:
        server.answer = answer
        browser.open(f"{server.origin}/?q=rain&since=2024-02-01&where=%7B%22year%22%3A+1%7D")
        browser.one(".hit")
        assert browser.one("#type").text.split() == ["any", ".pdf", "(2)", "no", "suffix", "(1)"]
        assert browser.gone("[data-picker=language]")  # there is one alone
        browser.one("#prefix option[value='docs/guide/']").click()
        browser.until(lambda: bodies and bodies[-1] and bodies[-1]["within"] == ["docs/guide/"])
        browser.one("#type option[value=none]").click()
        browser.one("#group").click()
        browser.until(lambda: bodies[-1] and bodies[-1]["group_by_document"])
        assert bodies[-1]["where"] == {"$and": [{"year": 1}, {"suffix": ""}, {"modified": {"$gte": 1706745600}}]}
        browser.says("#filters-button", "Filters (4)")
        browser.one("#clear").click()
        browser.until(lambda: bodies[-1] and bodies[-1]["where"] is None and bodies[-1]["within"] is None)
        browser.open("about:blank")


def test_a_hit_is_cut_at_words_and_cited_and_leads_to_its_file(browser: Browser) -> None:
    prose = "An otter, " + "whoseveryname is long, " * 30 + "swims."
    fenced = "Run this:\n\n```sh\ndive --deep\n```\n\nand then `surface` again."
    hits = found(prose, fenced)
    first, second = hits.body["results"][0]["hits"]
    first |= {"source": "docs/otter.pdf", "citation": "docs/otter.pdf, page 3", "page": 3, "duplicates_total": 5}
    place = {"id": "x", "document_id": "y"}
    first["duplicates"] = [place | {"citation": f"copy/{n}.pdf"} for n in range(5)]
    second |= {"source": "other/dive.md"}
    with scripted(folders_with_files=["docs"]) as server:
        server.answer = lambda path, body, headers: hits if path == "/search" else Answer(STATS)
        browser.open(f"{server.origin}/?q=otter")
        shown = browser.one(".excerpt").text
        assert shown.endswith(" …") and shown.removesuffix(" …").split()[-1] in {"whoseveryname", "is", "long,"}
        assert browser.texts(".excerpt code") == ["dive --deep", "surface"]
        assert "`" not in browser.texts(".excerpt")[1]
        font = "return getComputedStyle(document.querySelector('.excerpt code')).fontFamily"
        assert "mono" in browser.run(font)
        [link] = browser.until(lambda: browser.all("a.file:not([hidden])"))
        assert link.text == "Open PDF at page 3"
        assert link.get_attribute("href") == f"{server.origin}/documents/d1/file#page=3"
        browser.one(".also .more").click()
        assert browser.texts(".also")[0].count("copy/") == 5
        browser.run(
            "window.copied = []; navigator.clipboard.writeText = async (text) => { window.copied.push(text); };"
        )
        browser.one(".actions button").click()
        browser.says(".actions button", "Copied")
        assert browser.run("return window.copied") == ["docs/otter.pdf, page 3"]
        browser.open("about:blank")


def test_on_a_phone_the_sides_of_a_comparison_are_tabs(browser: Browser) -> None:
    browser.resize(390, 844)
    with scripted() as server:
        server.answer = lambda path, body, headers: found(body["mode"]) if path == "/search" else Answer(STATS)
        browser.open(f"{server.origin}/?q=rain&view=compare")
        browser.one(".hit")
        assert [text for text in browser.texts(".excerpt") if text] == ["hybrid"]
        browser.one("#tabs [aria-selected=true]").send_keys(Keys.ARROW_RIGHT)
        assert browser.focused.text == "Dense"
        assert [text for text in browser.texts(".excerpt") if text] == ["dense"]
        browser.one("#tabs button:last-child").click()
        assert browser.one("[role=tabpanel]").get_attribute("aria-label") == "Lexical"
        assert browser.run("return document.documentElement.scrollWidth") == 390
        browser.open("about:blank")


def test_an_empty_page_says_what_is_indexed_and_what_to_ask(browser: Browser) -> None:
    facets = {
        "examples": ["Why does it rain?"],
        "folders": [{"value": "docs/", "documents": 3}, {"value": "docs/guide/", "documents": 2}],
    }
    with scripted(**facets) as server:
        server.answer = lambda path, body, headers: found("rain") if path == "/search" else Answer(STATS)
        browser.open(server.origin)
        assert "docs/ 3" in browser.says(".welcome", "3 documents to search")
        browser.one(".examples button").click()
        browser.one(".hit")
        assert browser.one("#query").get_attribute("value") == "Why does it rain?"
        browser.open("about:blank")


# The server itself


@pytest.mark.slow
def test_a_server_that_is_stopped_and_started_is_found_again(browser: Browser, index_path: Path) -> None:
    with Serving(index_path) as served:
        browser.open(served.page(q="bread"))
        browser.one(".hit")
        served.stop()
        browser.one("#query").send_keys(Keys.CONTROL, "a")
        browser.one("#query").send_keys("soup", Keys.ENTER)
        browser.says(".failure", "cannot be reached")
        served.start()
        browser.one(".failure button").click()
        browser.says(".hit:first-child", "soup.md")


@pytest.mark.slow
def test_a_folder_is_synced_and_then_searched(browser: Browser, tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    for n in range(20):
        (news / f"{n}.md").write_text(f"# Number {n}\n\nThe comet of {n} was seen above the harbour. " * 20)
    (news / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    with Serving(tmp_path / "index", "--folder", str(news)) as served:
        browser.open(served.page())
        browser.says(".welcome", "The index is empty")
        browser.one("#index-button").click()
        browser.one("#sync-button").click()
        browser.one("progress")
        assert "1 failed" in browser.says("#sync-state", "20 added")
        browser.says("#failures", "broken.pdf")
        browser.press(Keys.ESCAPE)
        browser.says("#index-button", "20 documents")
        browser.one("#query").send_keys("comet", Keys.ENTER)
        browser.says(".hit:first-child", "news/")


@pytest.mark.slow
def test_a_server_with_keys_is_searched_with_one(browser: Browser, index_path: Path) -> None:
    key = "k" * 32
    with Serving(index_path, environment={"SERVE_KEYS": f"read:{key}"}) as served:
        browser.open(served.page(q="bread"))
        browser.one("#key-input").send_keys(key, Keys.ENTER)
        browser.says(".hit:first-child", "bread.md")
        browser.one("#index-button").click()
        browser.one("#index-body .facts")


@pytest.mark.slow
def test_of_several_indexes_one_is_chosen_and_a_key_with_a_filter_sees_its_documents(
    browser: Browser, index_path: Path, tmp_path: Path
) -> None:
    where = json.dumps({"year": 2024})
    command = ["keys", "add", "baker", "--where", where, "--file", str(tmp_path / "keys.json")]
    made = CliRunner().invoke(app, command)
    key = made.stdout.strip().splitlines()[-1]
    options = ["--index", f"second={index_path}", "--keys-file", str(tmp_path / "keys.json")]
    with Serving(index_path, *options) as served:
        browser.open(served.page())
        browser.one("#key-input").send_keys(key, Keys.ENTER)
        browser.says(".note", "Which index?")
        next(link for link in browser.all(".note a") if link.text == "second").click()
        browser.until(lambda: browser.run("return location.pathname") == "/indexes/second/")
        browser.says("#index-button", "1 document")
        browser.one("#query").send_keys("wombat", Keys.ENTER)
        browser.says(".hit:first-child", "notes/tame")
        assert len(browser.all(".hit")) == 1
        browser.one("#index-button").click()
        browser.one("#index-body .facts")
        assert not any(element.is_displayed() for element in browser.all("#sync-form"))


@pytest.mark.slow
@pytest.mark.parametrize("key", ["", "k" * 32])
def test_a_file_opens_at_its_page_and_nothing_in_it_runs(browser: Browser, tmp_path: Path, key: str) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "manual.pdf").write_bytes(pdf([[], ["On page two, the harbour of Hammerfest."]]))
    (docs / "harbour.html").write_text("<p>The harbour of Hammerfest.</p><script>document.title = 'ran'</script>")
    with HybridIndex.open(tmp_path / "index") as index:
        sync(docs, index)
    environment = {"SERVE_KEYS": f"read:{key}"} if key else {}
    with Serving(tmp_path / "index", "--folder", str(docs), environment=environment) as served:
        browser.open(served.page(q="harbour of Hammerfest"))
        if key:
            browser.one("#key-input").send_keys(key, Keys.ENTER)
        first = browser.driver.current_window_handle
        browser.one("a.file")
        opened = {}
        for link in browser.all("a.file:not([hidden])"):
            before = set(browser.driver.window_handles)
            name = link.text
            link.click()
            [new] = browser.until(lambda before=before: set(browser.driver.window_handles) - before)
            browser.driver.switch_to.window(new)
            browser.until(lambda: browser.driver.current_url != "about:blank")
            opened[name] = browser.driver.current_url
            if name == "Open file":
                assert "<script>document.title = 'ran'</script>" in browser.one("body").text
                assert browser.driver.title != "ran"
            browser.driver.close()
            browser.driver.switch_to.window(first)
        assert opened.keys() == {"Open PDF at page 2", "Open file"}
        assert opened["Open PDF at page 2"].endswith("#page=2")
        assert all(address.startswith("blob:" if key else served.url) for address in opened.values())
        browser.run("sessionStorage.clear()")


# Hands, eyes and screens


def test_the_keyboard_is_enough(page: Browser, served: Serving) -> None:
    page.open(served.page(q="water vapour"))
    page.one(".hit")
    page.press("/")
    assert page.focused == page.one("#query")
    page.press("s/j")
    assert page.focused.get_attribute("value") == "s/j"  # what is typed in a field is text
    page.press(Keys.CONTROL, "a")
    page.press(Keys.NULL, "water", Keys.ENTER)
    page.until(lambda: page.driver.title.startswith("water –") and page.focused == page.one(".open"))
    opens = page.all(".open")
    page.press("/")
    assert page.focused == page.one("#query")
    page.press(Keys.ESCAPE)
    assert page.focused == opens[0]
    assert page.one("#query").get_attribute("value") == "water"
    page.press("/", Keys.ARROW_DOWN)
    assert page.focused == opens[0]
    page.press("j")
    assert page.focused == opens[1]
    page.press("k")
    page.press(Keys.ENTER)
    page.one("#document .found")
    page.press(Keys.ESCAPE)
    page.gone("#document")
    assert page.focused == opens[0]
    assert page.run("return getComputedStyle(arguments[0].closest('.hit')).boxShadow", opens[0]) != "none"
    page.press("k")
    assert page.focused == page.one("#query")
    page.one("label:has([value=compare])").click()
    page.until(lambda: len(page.all(".column .hits")) == 3)
    page.press("j")
    page.press(Keys.ARROW_RIGHT)
    assert page.focused == page.one(".column:nth-child(2) .open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.slow
def test_all_text_stands_out_from_its_ground(page: Browser, served: Serving, scheme: str) -> None:
    page.prefer(scheme)
    page.open(served.page(q="water salt wombat", view="compare", where='{"source": {"$ne": "x"}}'))
    page.until(lambda: len(page.all(".column .hits")) == 3)
    red = page.run("return Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])")
    assert red > 200 if scheme == "light" else red < 50
    assert page.faint_texts() == []
    page.one("#legend-button").click()
    page.one("#legend")
    assert page.faint_texts() == []
    page.press(Keys.ESCAPE)
    page.one(".open").click()
    page.one(".chunk.found")
    assert page.faint_texts() == []
    page.open(served.page(q="nothing", prefix="nowhere/"))
    page.one(".note")
    assert page.faint_texts() == []
    page.open(served.page(q="who won the world cup in 1998?"))
    page.says(".note", "Nothing relevant found.")
    assert page.faint_texts() == []
    page.open(served.page())
    page.one(".welcome .facts")
    page.one("#filters-button").click()
    assert page.faint_texts() == []


@pytest.mark.slow
def test_a_phone_never_scrolls_sideways(page: Browser, served: Serving) -> None:
    page.resize(360, 740)

    def fits(selector: str) -> bool:
        script = "const box = document.querySelector(arguments[0]); return box.scrollWidth <= box.clientWidth"
        return page.run(script, selector)

    page.open(served.page())
    page.one(".welcome")
    assert fits("html")
    page.one("#index-button").click()
    page.one("#index-body .facts")
    assert fits("html") and fits("#index")
    page.open(served.page(q="hostile wombat", view="compare", where='{"animal": "wombat"}'))
    page.until(lambda: len(page.all(".column .hits")) == 3)
    assert fits("html")
    hit = next(hit for hit in page.all(".hit") if "hostile" in hit.text)
    hit.find_element("css selector", ".open b").click()
    page.one(".chunk.found")
    assert fits("html") and fits("#document")
