"""Commands that read what no loader reads: how they are given, run, and checked."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.diff import diff
from ingest.loaders import UnsupportedFormatError, load
from ingest.loaders.converters import check_converters
from ingest.plan import seen
from ingest.scan import scan
from retrieval.config import Config
from retrieval.errors import ConfigError, LoadError
from retrieval.index import HybridIndex
from retrieval.types import Document, DocumentRecord
from tests.ingesting import sync

OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0\x01" * 100 + b"words"


def python(code: str, *arguments: str) -> str:
    return shlex.join([sys.executable, "-c", code, *arguments])


COPY_END = "import sys; sys.stdout.buffer.write(b'The ' + {}.read()[-5:])"
FROM_INPUT = python(COPY_END.format("sys.stdin.buffer"))
FROM_FILE = python(COPY_END.format("open(sys.argv[1], 'rb')"), "{input}")


def converted(command: str, data: bytes = OLD_WORD, *, source: str = "docs/a.doc", max_bytes: int = 10**6) -> Document:
    return load(data, source=source, max_bytes=max_bytes, converters={".doc": command})


@pytest.mark.parametrize("command", [FROM_INPUT, FROM_FILE], ids=["input", "file"])
@pytest.mark.parametrize("source", ["docs/a.doc", "docs/A.DOC"])
def test_a_converter_reads_the_files_of_its_suffix(command: str, source: str) -> None:
    assert converted(command, source=source) == Document(source, "The words")
    with pytest.raises(UnsupportedFormatError, match=r"OLE.*converter"):
        load(OLD_WORD, source=source)


def test_a_converter_goes_before_the_loader_of_its_suffix() -> None:
    assert load(b"# a\n\nwords", source="a.md", converters={".md": FROM_INPUT}).text == "The words"
    assert load(b"# a\n\nwords", source="a.txt", converters={".md": "false"}).text == "# a\n\nwords"


def test_what_a_converter_writes_is_read_by_its_content() -> None:
    html = converted("cat", b"<html><title>T</title><body><h1>Head</h1><p>words</p>")
    assert (html.title, html.text, [heading.text for heading in html.headings]) == ("T", "Head\n\nwords", ["Head"])
    mail = converted("cat", b"Message-ID: <1@x>\nFrom: a@x\nTo: b@x\nSubject: S\n\nwords")
    assert (mail.title, mail.source) == ("S", "docs/a.doc")
    assert converted("cat", b"\xff\xfea\0b\0").text == "ab"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (python("import sys; print('first\\n\\nlast', file=sys.stderr); sys.exit(3)"), r"status 3 .last.*`converters`"),
        (python("import sys; sys.exit(sys.argv[1] + ' is bad')", "{input}"), r"status 1 .\{input\} is bad."),
        (python("print()"), r"wrote nothing .it said nothing"),
        (python("while True: print('x' * 9999)"), r"wrote more than 1 MB"),
        ("/nowhere/antiword -", r"cannot be run .No such file"),
        (python("import sys; sys.stdout.buffer.write(bytes(range(32)) * 9)"), r"cannot be read: it is a binary file"),
        (python("import os; os.kill(os.getpid(), 9)"), r"status -9"),
    ],
)
def test_a_converter_that_fails_says_why(command: str, reason: str) -> None:
    with pytest.raises(LoadError, match=reason) as caught:
        converted(command, OLD_WORD * 10_000)
    assert not isinstance(caught.value, UnsupportedFormatError)  # it is the command's fault: not to be passed over
    assert "\n" not in str(caught.value)


def test_no_shell_runs_a_converter(tmp_path: Path) -> None:
    assert converted(f"echo $HOME `id` > {tmp_path}/file").text == f"$HOME `id` > {tmp_path}/file\n"


# The setting


def test_converters_are_known_by_suffix(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config(converters={"DOC": "antiword -", ".ppt": "catppt"}).converters == {
        ".doc": "antiword -",
        ".ppt": "catppt",
    }
    monkeypatch.setenv("RETRIEVAL_CONVERTERS", '{".msg": "msgconvert --outfile - {input}"}')
    assert Config().converters == {".msg": "msgconvert --outfile - {input}"}


@pytest.mark.parametrize(
    ("converters", "problem"),
    [
        ({"": "cat"}, "'' is not a suffix; write one such as .doc"),
        ({"a/b": "cat"}, "not a suffix"),
        ({".tar.gz": "cat"}, "not a suffix"),
        ({".gz": "cat"}, "unpacked before"),
        ({".doc": ""}, "not empty"),
        ({".doc": " "}, "must not be empty"),
        ({".doc": "'cat"}, "No closing quotation"),
        ({".doc": ["cat"]}, "text"),
        ("antiword", "names with values"),
    ],
)
def test_a_converter_that_cannot_be_one_is_refused(converters: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"converters.*{problem}"):
        Config(converters=converters)


def test_a_missing_program_is_named() -> None:
    check_converters({".doc": "cat", ".ppt": FROM_INPUT})
    with pytest.raises(ConfigError, match=r"\.msg .*'no-such-program'.*`converters`"):
        check_converters({".doc": "cat", ".msg": "no-such-program --text {input}"})


def test_what_was_skipped_is_read_once_there_is_a_converter(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.doc").write_bytes(OLD_WORD)
    (docs / "b.xyz").write_text("words")
    scanned = scan(docs)
    records = [seen(file, DocumentRecord.begun(file.source, folder="docs")) for file in scanned.files]
    ledger = {record.source: replace(record, status="skipped", reason="no text") for record in records}
    for converters, read in (({}, []), ({".xyz": "cat"}, ["docs/b.xyz"]), ({".doc": "cat"}, ["docs/a.doc"])):
        todo, report = diff(scanned, ledger, retry_failed=False, converters=converters)
        assert [file.source for file in todo.add] == read
        assert len(report.skipped) == 2 - len(read)
        assert not (todo.delete or todo.update)


@pytest.mark.slow
def test_a_sync_with_converters(open_index: Callable[..., HybridIndex], tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.doc").write_bytes(OLD_WORD)
    with (
        open_index(config=Config(converters={".doc": "no-such-program"})) as index,
        pytest.raises(ConfigError, match="no-such-program"),
    ):
        sync(docs, index)
    with open_index(config=Config(converters={".doc": FROM_FILE})) as index:
        report = sync(docs, index)
        assert (report.added, report.skipped, report.failed) == (1, (), ())
        assert index.search("words", 1)[0].text == "The words"
