"""What the command lines call a document, and how many they say there are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ingest import add
from ingest.cli import app as ingest_app
from retrieval import Document, HybridIndex, __version__, console
from retrieval.cli import app as retrieve_app
from retrieval.encoders import Embedder
from tests.ingesting import POOL

BROKEN = b"%PDF-1.7 and no more"


class Printed(NamedTuple):
    out: str
    err: str
    code: int


Shell = Callable[..., Printed]


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, share_model: Embedder
) -> Shell:
    """Runs a command in a folder with `docs`, which is indexed."""

    def run(*command: str) -> Printed:
        with pytest.raises(SystemExit) as exit_:
            console.run({"ingest": ingest_app, "retrieve": retrieve_app}[command[0]], command, pool=POOL)
        captured = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Printed(captured.out, captured.err, exit_.value.code)

    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    Path("docs", "rain.md").write_text("# Rain\n\nRain falls from clouds.\n")
    Path("docs", "two\nlines.txt").write_text("A name on two lines.")
    run("ingest", "sync", "docs")
    return run


def names() -> set[str]:
    with HybridIndex.open(".retrieval", read_only=True) as index:
        return {record.source for record in index.documents()}


@pytest.mark.parametrize("name", ["docs/two\nlines.txt", "docs/two\\nlines.txt"])
def test_delete_takes_a_source_as_it_is_and_as_it_is_shown(shell: Shell, name: str) -> None:
    Path("docs", "two\nlines.txt").unlink()
    assert shell("ingest", "delete", name) == ("Deleted 1 document, 1 chunk.\n", "", 0)
    assert names() == {"docs/rain.md"}


def test_a_source_as_it_is_goes_before_one_that_looks_the_same(shell: Shell) -> None:
    Path("docs", "two\\nlines.txt").write_text("Its name has a backslash.")
    shell("ingest", "sync", "docs")
    shell("ingest", "delete", "docs/two\\nlines.txt")
    assert names() == {"docs/rain.md", "docs/two\nlines.txt"}


def test_a_folder_whose_name_is_shown_escaped_is_deleted_by_it(shell: Shell) -> None:
    Path("docs", "a\tb").mkdir()
    Path("docs", "a\tb", "snow.txt").write_text("Snow is frozen rain.")
    shell("ingest", "sync", "docs")
    assert shell("ingest", "delete", "docs/a\\tb/").out == "Deleted 1 document, 1 chunk.\n"
    assert names() == {"docs/rain.md", "docs/two\nlines.txt"}


def test_delete_says_what_it_did_not_find(shell: Shell) -> None:
    deleted = shell("ingest", "delete", "docs", "memo-7", "doc/rain.md", "dosc/")
    assert (deleted.out, deleted.code) == ("Deleted 0 documents, 0 chunks.\n", 1)
    assert deleted.err.splitlines() == [
        "not in the index: docs; write docs/ for all that is below",
        "not in the index: memo-7",
        "not in the index: doc/rain.md; did you mean docs/rain.md?",
        "not in the index: dosc/; did you mean docs/?",
    ]
    assert len(names()) == 2


def test_delete_says_which_files_the_next_sync_brings_back(shell: Shell) -> None:
    with HybridIndex.open(".retrieval") as index:
        add([Document("memo", "Snow falls in winter.")], index)
    one = shell("ingest", "delete", "docs/rain.md", "memo")
    assert (one.out, one.code) == ("Deleted 2 documents, 2 chunks.\n", 0)
    again = "the next sync adds it again, unless you delete the file or name it in .retrievalignore"
    assert one.err == f"docs/rain.md is still in its folder: {again}\n"
    rest = shell("ingest", "delete", "docs/", "--json")
    assert json.loads(rest.out) == {"documents": 1, "chunks": 1, "still_in_folder": ["docs/two\nlines.txt"]}
    assert (rest.err, names()) == ("", set())


def test_a_document_is_one_that_searches_can_return_wherever_it_is_counted(shell: Shell) -> None:
    Path("docs", "never.pdf").write_bytes(BROKEN)
    Path("docs", "empty.txt").write_text("")
    shell("ingest", "sync", "docs")
    Path("docs", "rain.md").write_bytes(BROKEN)
    assert shell("ingest", "sync", "docs").code == 1
    status = json.loads(shell("ingest", "status", "--json").out)
    (folder,) = status["folders"]
    assert (status["documents"], status["recorded_failures"]) == (2, 2)
    assert "failed" not in status, "what no record tells is only in the folder's own count"
    assert (folder["indexed"], len(folder["failed"]), len(folder["skipped"])) == (2, 2, 1)
    lines = shell("ingest", "status").out.splitlines()
    assert lines[0].startswith("2 documents, 2 chunks, ")
    assert lines[2].endswith("docs: 2 indexed, 2 failed, 0 pending")
    assert json.loads(shell("retrieve", "stats", "--json").out)["documents"] == 2
    found = shell("retrieve", "search", "rain", "--mode", "lexical").out
    assert "docs/rain.md" in found
    Path("docs").rename("elsewhere")
    away = shell("ingest", "status").out.splitlines()
    assert away[2].endswith("docs: 2 indexed, 2 recorded as failed, pending unknown")
    assert {line.split(": ")[1] for line in away if "  failed: " in line} == {"docs/never.pdf", "docs/rain.md"}
    assert json.loads(shell("ingest", "status", "--json").out)["folders"][0]["pending"] is None


def test_one_is_not_plural(shell: Shell) -> None:
    Path("docs", "two\nlines.txt").unlink()
    shell("ingest", "sync", "docs")
    assert shell("ingest", "status").out.startswith("1 document, 1 chunk, ")


def test_verbose_names_what_changed(shell: Shell) -> None:
    Path("docs", "rain.md").write_text("Rain, again.")
    Path("docs", "two\nlines.txt").unlink()
    Path("docs", "a\nnew.txt").write_text("Something new.")
    Path("docs", "never.pdf").write_bytes(BROKEN)
    named = shell("ingest", "sync", "docs", "-v").out.splitlines()[:-2]
    assert named == ["added docs/a\\nnew.txt", "updated docs/rain.md", "deleted docs/two\\nlines.txt"]
    Path("docs", "never.pdf").unlink()
    Path("docs", "rain.md.meta.yaml").write_text("year: 2024")
    said = shell("ingest", "sync", "docs", "-v").out.splitlines()  # a file that had failed is no document
    assert said[0] == "updated docs/rain.md"
    assert said[1].endswith("0 added, 1 updated, 0 deleted; 1 unchanged, 0 failed, 0 skipped.")


def test_a_filter_on_a_field_that_there_is_not_says_which_there_are(
    shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    search = ("retrieve", "search", "rain", "--mode", "lexical", "--where")
    asked = shell(*search, '{"$or": [{"autor": "Ada"}, {"source": {"$in": ["docs/rain.md"]}}]}')
    assert "docs/rain.md" in asked.out
    (warning,) = caplog.messages  # a log message goes to standard error
    assert warning.startswith("where: no chunk has a field 'autor'; there are char_end, ")
    assert " source, " in warning
    shell(*search, '{"sorce": "x"}')
    assert caplog.messages[1:] == ["where: no chunk has a field 'sorce'; the nearest: 'source'."]
    shell("retrieve", "search", "rain", "--mode", "lexical", "--within", "doc/")
    assert caplog.messages[2:] == ["within: no source begins with 'doc/'; the nearest: 'docs/'."]
    assert shell(*search, '{"source": "docs/none.md"}').err == ""


def test_an_emptied_folder_is_refused_in_one_line(shell: Shell) -> None:
    for path in Path("docs").iterdir():
        path.unlink()
    out, err, code = shell("ingest", "sync", "docs")
    assert (out, code, err.count("\n"), err.startswith("error: This would delete all 2 documents")) == ("", 2, 1, True)
    refusal = err.removeprefix("error: ").strip()
    planned = shell("ingest", "sync", "docs", "--dry-run")
    assert "with --allow-deletions: 0 added, 0 updated, 2 deleted" in planned.out
    assert (planned.code, planned.err) == (2, f"The sync would be refused, and do nothing. {refusal}\n")
    assert json.loads(shell("ingest", "sync", "docs", "--dry-run", "--json").out)["refused"] == refusal
    assert f"would be refused: {refusal}\n" in shell("ingest", "status").out
    assert shell("ingest", "sync", "docs", "--dry-run", "--allow-deletions").code == 0
    assert len(names()) == 2
    assert shell("ingest", "sync", "docs", "--allow-deletions").code == 0
    assert names() == set()


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["search", "-x"], " search -- QUERY."),
        (["search", "--force push"], " search -- QUERY."),
        (["search", "-kubernetes"], " search -- QUERY."),
        (["similar", "-x"], " similar -- SOURCE."),
        (["search", "--moed", "dense", "rain"], None),
        (["search", "rain", "--alpha", "much"], None),
        (["stats", "-x"], None),
    ],
)
def test_a_query_that_begins_with_a_dash_is_told_how(
    command: list[str], hint: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        console.run(retrieve_app, ["retrieve", *command])
    said = capsys.readouterr().err
    assert said.endswith(" See --help.\n")
    assert ("begins with a dash" in said, hint is None or hint in said) == (hint is not None, True)


@pytest.mark.parametrize("program", ["ingest", "retrieve"])
def test_the_version(shell: Shell, program: str) -> None:
    assert shell(program, "--version").out == f"hybrid-retrieval {__version__}\n"


def test_a_folder_s_documents_are_deleted_once_each(shell: Shell) -> None:
    out, err, code = shell("ingest", "delete", "docs/", "docs/rain.md")
    assert (out, err.count("\n"), code) == ("Deleted 2 documents, 2 chunks.\n", 1, 0)
    assert names() == set()


def test_no_text_of_a_document_controls_the_terminal(shell: Shell) -> None:
    with HybridIndex.open(".retrieval") as index:
        add([Document("owl", "Owls\x07 sleep \x1b[31mby day.", title="Owl \x1b[2J")], index)
    out = shell("retrieve", "search", "--mode", "lexical", "--", "-owls").out
    assert "by day" in out
    assert all(character.isprintable() or character == "\n" for character in out)
