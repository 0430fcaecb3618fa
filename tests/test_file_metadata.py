"""What a file says of itself, what lies beside it and what a caller gives it: all of it can be filtered by."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import documents
from ingest import scan as scanning
from ingest.descriptions import MAX_BYTES, Description, read_front_matter, read_json, read_yaml
from ingest.doctor import examine
from ingest.file_metadata import with_file_metadata
from ingest.loaders import load
from ingest.plain_metadata import Plain, plain_metadata
from ingest.plan import Candidate, plan, seen
from ingest.scan import scan
from ingest.status import folder_status
from retrieval import Document, HybridIndex
from retrieval.errors import DocumentError, LoadError
from retrieval.types import CHUNK_KEYS, FILE_KEYS, DocumentRecord
from tests.ingesting import rebuild, sync

Open = Callable[..., HybridIndex]


def of_yaml(text: str) -> tuple[dict[str, Any], str]:
    plain, notices = read_yaml(text, what="its front matter")
    Document("x", "y", metadata=plain.metadata)  # it can be stored
    return plain.metadata, "; ".join(notices)


@pytest.mark.parametrize(
    ("text", "metadata"),
    [
        ("author: Ada\nyear: 2021\ndraft: false\nx: -0.5", {"author": "Ada", "year": 2021, "draft": False, "x": -0.5}),
        ("tags: [heating, house]\nparts:\n- 1\n- 2", {"tags": ["heating", "house"], "parts": [1, 2]}),
        ("land: no\nid: 00042\nat: 12:30\nn: 1_000", {"land": "no", "id": "00042", "at": "12:30", "n": "1_000"}),
        ("date: 2024-3-5\nat: 2024-03-05 10:00:00 +01:00", {"date": "2024-03-05", "at": "2024-03-05T10:00:00+01:00"}),
        ("date: 2024-13-45", {"date": "2024-13-45"}),
        ("author:\n  name: Ada\n  at: {city: Bath}", {"author.name": "Ada", "author.at.city": "Bath"}),
        ("authors: [{name: Ada}, {name: Bob, age: 7}]", {"authors.name": ["Ada", "Bob"], "authors.age": [7]}),
        ("mixed: [1, a, true, 2.5, null]\nnumbers: [1, 2.5]\nnested: [[1], [2]]",
         {"mixed": ["1", "a", "true", "2.5"], "numbers": [1.0, 2.5], "nested": [1, 2]}),
        ("none: null\nempty: []\nnothing: {}\ntilde: ~\nleft:", {}),
        ("big: 123456789012345678901234567890\nx: .inf", {"big": "123456789012345678901234567890", "x": ".inf"}),
        ("source: me\ndocument_id: 1\npage: 3\nmodified: today\n$x: 1\n'': 2",
         {"source_": "me", "document_id_": 1, "page_": 3, "modified_": "today", "_$x": 1, "_": 2}),
        ("when: !r Sys.Date()\nkeys: !custom [a, b]", {"when": "Sys.Date()", "keys": ["a", "b"]}),
        ("about: >\n  some\n  words\n", {"about": "some words"}),
        ("base: &b {x: 1}\nother: *b", {"base.x": 1, "other.x": 1}),
    ],
)  # fmt: skip
def test_yaml_becomes_values_that_filters_find(text: str, metadata: Mapping[str, Any]) -> None:
    assert of_yaml(text) == (metadata, "")


@pytest.mark.parametrize(
    ("text", "kept", "told"),
    [
        ("a: b: c", {}, "not allowed.*line 1"),
        ("a: {{ page.title }}", {}, "unhashable"),
        ("a: \x01", {}, "control characters"),
        ("[" * 60_000, {}, "nested deeper"),
        ("- " * 30_000, {}, "nested deeper"),
        ("- just\n- a list", {}, "no keys"),
        ("x: y\n" * MAX_BYTES, {}, "more than"),
        ("a: 1\nb: " + "long " * 1000, {"a": 1}, ": b$"),
        ("a: 1\nb: !!binary aGk=", {"a": 1}, ": b$"),
        ("a: &a {b: *a}", {}, "values that no filter can find"),
    ],
)
def test_yaml_that_is_no_metadata_is_told_and_fails_nothing(text: str, kept: Mapping[str, Any], told: str) -> None:
    metadata, notice = of_yaml(text)
    assert metadata == kept
    assert re.search(told, notice)


def test_a_thousand_keys_and_a_bomb_of_aliases_are_bounded() -> None:
    metadata, notice = of_yaml("\n".join(f"k{n}: {n}" for n in range(1000)))
    assert (len(metadata), "more" in notice) == (200, True)
    bomb = "a: &a [1, 2]\n" + "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    metadata, notice = of_yaml(bomb)
    assert notice
    assert sum(len(value) for value in metadata.values() if isinstance(value, list)) <= 300


def test_front_matter_is_metadata_and_lines_between_rules_are_not() -> None:
    document = load(b"---\ntitle: Boilers\nauthor: Ada\ntitle2: x\n---\n\n# Heading\n\nText.\n", source="a.md")
    assert (document.title, document.metadata, document.notices) == ("Boilers", {"author": "Ada", "title2": "x"}, ())
    assert read_front_matter("---", "\nSome words, and a rule.\n").notices == ()
    assert read_front_matter("+++", 'day = 2024-03-05\n[author]\nname = "Ada"').plain.metadata == {
        "day": "2024-03-05", "author.name": "Ada",
    }  # fmt: skip
    broken = load(b"---\ntitle: Boilers\ntags: [a\n---\n\nText.\n", source="a.md")
    assert (broken.title, broken.metadata) == ("Boilers", {})
    assert "its front matter cannot be read as YAML" in broken.notices[0]


@pytest.mark.parametrize(
    ("source", "body", "headings"),
    [
        ("a.txt", "Words.\n", []),
        ("a.adoc", "= Oven\n\nWords.\n", ["Oven"]),
        ("a.rst", "Oven\n====\n\nWords.\n", ["Oven"]),
        ("a.html", "<h1>Oven</h1><p>Words.", ["Oven"]),
    ],
)
def test_front_matter_is_metadata_in_other_text_too(source: str, body: str, headings: list[str]) -> None:
    long = "x" * 20_000
    document = load(f"---\nauthor: Ada\ntitle: Boilers\nlong: {long}\n---\n{body}".encode(), source=source)
    assert [notice.endswith(": long") for notice in document.notices] == [True]
    assert (document.title, document.metadata) == ("Boilers", {"author": "Ada"})
    assert [heading.text for heading in document.headings] == headings
    assert document.text.endswith(("Words.", "Words.\n"))
    for other in ("---\nA rule above, and one below.\n---\n", "---\na: [b\n---\n"):
        document = load(f"{other}{body}".encode(), source=source)
        assert document.metadata == {}
        assert document.text.startswith("---")


def test_no_name_of_the_index_is_taken() -> None:
    plain = plain_metadata(dict.fromkeys([*CHUNK_KEYS - {"title"}, "language"], 1))
    assert set(plain.metadata) == {f"{key}_" for key in [*CHUNK_KEYS - {"title"}, "language"]}


def test_lists_are_what_holds_values_in_some_order() -> None:
    given = {"days": {"tue", "mon", "wed"}, "sizes": np.array([1, 2]), "grid": np.array([[1.5], [2.5]])}
    assert plain_metadata(given).metadata == {"days": ["mon", "tue", "wed"], "sizes": [1, 2], "grid": [1.5, 2.5]}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (date(2024, 3, 5), "2024-03-05"),
        (datetime(2024, 3, 5, 10, tzinfo=UTC), "2024-03-05T10:00:00+00:00"),
        (np.datetime64("2024-03-05"), "2024-03-05"),
        (np.datetime64("2024-03-05T10:00:00.5"), "2024-03-05T10:00:00.500000"),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        ([np.int32(1), 2], [1, 2]),
        (np.array([1.5, 2.5]), [1.5, 2.5]),
        ([date(2024, 3, 5), "2024"], ["2024-03-05", "2024"]),
    ],
)
def test_values_of_numpy_and_dates_are_taken(given: Any, stored: Any) -> None:
    value = Document("x", "y", metadata={"k": given}).metadata["k"]
    assert (value, type(value)) == (stored, type(stored))
    if isinstance(value, list):
        assert [type(member) for member in value] == [type(member) for member in stored]


@pytest.mark.parametrize("value", [np.datetime64("NaT"), object(), b"x", np.array([[1]]), None])
def test_what_cannot_be_stored_is_refused(value: Any) -> None:
    with pytest.raises(DocumentError, match="'k'"):
        Document("x", "y", metadata={"k": value})


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide").mkdir(parents=True)
    (folder / "guide" / "a.md").write_text("---\nauthor: Ada\nlanguage: xx\n---\n\nThe boiler is serviced in May.\n")
    (folder / "B.TXT").write_text("The boiler broke in June, and the repair took a week.")
    (folder / "B.TXT.meta.yaml").write_text("author: Bob\nteam: [house]\n")
    (folder / "alone.meta.yaml").write_text("boiler: none\n")
    return folder


def found(index: HybridIndex, where: Mapping[str, Any]) -> list[str]:
    return sorted(hit.source for hit in index.search("boiler", mode="lexical", where=where))


def test_a_sidecar_belongs_to_the_file_beside_it(docs: Path) -> None:
    (docs / "guide.meta.yaml").write_text("a folder has none")
    (docs / "left-out.txt").write_text("x")
    (docs / "left-out.txt.meta.yaml").write_text("x: y")
    scanned = scan(docs, exclude=["left-out.txt"])
    files = {file.source: file for file in scanned.files}
    assert list(files) == ["docs/B.TXT", "docs/guide/a.md"]
    alone = [("docs/alone.meta.yaml", "alone"), ("docs/guide.meta.yaml", "guide")]
    assert list(scanned.skipped) == [(source, f"it describes {name}, which is not beside it") for source, name in alone]
    assert files["docs/B.TXT"].sidecar == str(docs / "B.TXT.meta.yaml")
    (only,) = scan(docs, include=["*.TXT"]).files
    assert only.sidecar
    assert not scan(docs, include=["*.TXT"], exclude=["*.meta.yaml"]).files[0].sidecar


@pytest.mark.parametrize("suffix", [".meta.yml", ".meta.json"])
def test_sidecars_have_other_suffixes_too(docs: Path, suffix: str) -> None:
    (docs / "guide" / f"a.md{suffix}").write_text('{"author": "Eve",\t"pages": [1, 2]}')
    (docs / "guide" / f"alone{suffix}").write_text("{}")
    alone = [] if suffix == ".meta.json" else [f"guide/alone{suffix}"]  # there is much other JSON of such a name
    scanned = scan(docs / "guide")
    file = scanned.files[0]
    assert [source for source, _ in scanned.skipped] == alone and len(scanned.files) == 2 - len(alone)
    metadata = with_file_metadata(Document(file.source, "Text."), file, language="english").metadata
    assert (metadata["author"], metadata["pages"]) == ("Eve", [1, 2])
    (docs / "guide" / "a.md.meta.yaml").write_text("author: Ada")
    scanned = scan(docs / "guide")
    assert scanned.files[0].sidecar.endswith(".yaml")
    assert scanned.skipped[0] == (
        f"guide/a.md{suffix}", "it describes a.md, which a.md.meta.yaml does already; merge them",
    )  # fmt: skip


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_a_number_of_thousands_of_digits_costs_no_other_value(read: Callable[..., Description]) -> None:
    described = read(f'{{"a": {"7" * 5000}, "b": [-{"7" * 5000}], "c": {"7" * 400}, "d": 7}}', what="it")
    assert described.plain == Plain(None, {"c": "7" * 400, "d": 7}, ("a", "b"))


def test_every_chunk_of_a_file_can_be_filtered(open_index: Open, docs: Path) -> None:
    os.utime(docs / "B.TXT", (1_000_000, 1_000_000))
    with open_index() as index:
        assert sync(docs, index).notices == ()
        assert found(index, {"author": "Bob"}) == found(index, {"team": {"$contains": "house"}}) == ["docs/B.TXT"]
        assert found(index, {"suffix": ".txt"}) == found(index, {"modified": {"$lt": 1_000_001}}) == ["docs/B.TXT"]
        assert found(index, {"suffix": ".md"}) == found(index, {"language_": "xx"}) == ["docs/guide/a.md"]
        everything = ["docs/B.TXT", "docs/guide/a.md"]
        assert found(index, {"folder": "docs"}) == everything
        assert found(index, {"language": {"$in": ["english", "german"]}}) == everything

        (docs / "B.TXT.meta.yaml").write_text("team: [cellar]\n")
        os.utime(docs / "B.TXT", (2_000_000, 2_000_000))
        os.utime(docs / "guide" / "a.md", (3_000_000, 3_000_000))
        report = sync(docs, index)
        assert (report.updated, report.unchanged, report.tokens_embedded) == (1, 1, 0)
        assert found(index, {"team": {"$contains": "cellar"}}) == ["docs/B.TXT"]
        assert found(index, {"author": "Bob"}) == found(index, {"modified": 1_000_000}) == []
        assert found(index, {"modified": 2_000_000}) == ["docs/B.TXT"]
        assert found(index, {"modified": 3_000_000}) == ["docs/guide/a.md"]

        (docs / "B.TXT.meta.yaml").unlink()
        assert sync(docs, index).tokens_embedded == 0
        assert found(index, {"team": {"$contains": "cellar"}}) == []
        assert sync(docs, index).updated == 0
    assert examine(index.path) == []


def test_what_a_caller_gives_stays_until_it_is_given_anew(open_index: Open, docs: Path) -> None:
    def owner(source: str, path: Path) -> dict[str, Any] | None:
        assert path.is_file()
        return {"owner": {"name": source[5:6]}, "title": "Given"} if source.endswith(".TXT") else None

    with open_index() as index:
        sync(docs, index, metadata=owner)
        assert found(index, {"owner.name": "B"}) == ["docs/B.TXT"]
        assert index.search("broke", 1, mode="lexical")[0].title == "Given"
        (docs / "B.TXT").write_text("The boiler was mended.")
        assert (sync(docs, index).updated, sync(docs, index).updated) == (1, 0)
        assert not folder_status(index)[0].pending
        path = index.path
    assert examine(path) == []
    rebuild(path)
    with open_index() as index:
        assert found(index, {"owner.name": "B"}) == ["docs/B.TXT"]
        assert sync(docs, index, metadata=lambda source, path: {"owner": 1}, dry_run=True).updated == 2
        assert sync(docs, index, metadata=lambda source, path: {}).updated == 1
        assert found(index, {"owner.name": "B"}) == []
        for wrong in ([("a", 1)], {"a": b"bytes"}):
            with pytest.raises(DocumentError, match=r"docs/B\.TXT"):
                sync(docs, index, metadata=lambda source, path: wrong)  # noqa: B023


def test_another_way_to_read_reads_each_file_once_again(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    with open_index() as index:
        sync(docs, index)
        before = [record.read_as for record in index.documents()]
        monkeypatch.setattr(scanning, "READING", "before that")
        monkeypatch.setattr(documents, "READING", "before that")
        report = sync(docs, index)
        assert (report.updated, report.unchanged, report.tokens_embedded) == (2, 0, 0)
        assert not set(before) & {record.read_as for record in index.documents() if record.chunk_ids}
        assert sync(docs, index).unchanged == 2


def test_a_record_of_an_older_version_is_to_be_read_again(docs: Path) -> None:
    file = scan(docs).files[0]
    record = replace(
        DocumentRecord.begun(file.source, folder="docs", content_hash="1:x"), status="ready", indexed_ns=2**62
    )
    now = seen(file, record)
    assert plan([Candidate(file, None)], {file.source: now}, folder="docs").is_empty
    old = replace(now, read_as="")
    assert plan([Candidate(file, None)], {file.source: old}, folder="docs").update == (file,)


def test_a_sidecar_that_is_no_yaml_is_told_and_one_that_cannot_be_opened_fails(docs: Path) -> None:
    path = docs / "B.TXT.meta.yaml"
    (file,) = scan(docs, include=["*.TXT"]).files
    plain = Document("docs/B.TXT", "Text.")
    path.write_bytes("author: Jürgen Groß".encode("latin-1"))
    assert with_file_metadata(plain, file, language="english").metadata["author"] == "Jürgen Groß"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(200)))
    described = with_file_metadata(plain, file, language="english")
    assert "its sidecar B.TXT.meta.yaml" in described.notices[0]
    assert set(described.metadata) == FILE_KEYS
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LoadError, match=r"B\.TXT\.meta\.yaml.*FIFO"):
        with_file_metadata(plain, file, language="english")
