"""Single files, and several folders at once: what is not named is left as it is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.cli import app
from ingest.scan import scan
from ingest.selection import pattern_of, select
from ingest.targets import targets_of
from retrieval import HybridIndex, console
from retrieval.errors import ConfigError
from retrieval.types import SyncedFolder
from tests.ingesting import POOL, sync


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("rain.md", "snow.md", "guide/ice.md", "guide/fog.md"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"All about {path.stem}.\n")
    return tmp_path / "docs"


def sources(index: HybridIndex) -> list[str]:
    return [record.source for record in index.searcher().searchable()]


def test_a_file_of_a_synced_folder_keeps_its_source_and_leaves_the_others(
    folder: Path, open_index: Callable[..., HybridIndex]
) -> None:
    index = open_index()
    sync(folder, index)
    (folder / "guide/ice.md").write_text("Ice floats.\n")
    (folder / "snow.md").write_text("Changed, and not named.\n")
    (folder / "rain.md").unlink()
    before = index.folders()
    planned = sync(folder / "guide/ice.md", index, dry_run=True)
    assert [tuple(step) for step in planned.planned] == [("update", "docs/guide/ice.md")]
    report = sync(folder / "guide/ice.md", index)
    assert (report.added, report.updated, report.deleted) == (0, 1, 0)
    assert sources(index) == ["docs/guide/fog.md", "docs/guide/ice.md", "docs/rain.md", "docs/snow.md"]
    assert index.search("Ice floats", mode="lexical")[0].text == "Ice floats."
    assert not index.search("changed", mode="lexical", correct_spelling=False)
    assert index.folders() == before
    report = sync(folder, index)
    assert (report.updated, report.deleted, report.unchanged) == (1, 1, 2)


def test_of_a_new_folder_only_the_named_files_are_kept_in_step(
    folder: Path, open_index: Callable[..., HybridIndex]
) -> None:
    index = open_index()
    sync(folder / "rain.md", index)
    sync(folder, index, files=["guide/fog.md"])
    assert sources(index) == ["docs/guide/fog.md", "docs/rain.md"]
    assert index.folders() == {"docs": SyncedFolder(str(folder), ("/rain.md", "/guide/fog.md"), ())}
    (folder / "rain.md").unlink()
    kept = index.folders()["docs"]
    report = sync(folder, index, include=kept.include)
    assert (report.deleted, report.unchanged) == (1, 1)
    sync(folder, index)  # the folder itself was asked for
    assert len(sources(index)) == 3 and index.folders()["docs"].include == ()


def test_what_the_folder_leaves_out_is_refused(folder: Path, open_index: Callable[..., HybridIndex]) -> None:
    (folder / ".retrievalignore").write_text("snow.md\n")
    (folder / ".hidden.md").write_text("Hidden.\n")
    index = open_index()
    sync(folder, index)
    for name in ("snow.md", ".hidden.md"):
        with pytest.raises(ConfigError, match="is left out of the folder 'docs'"):
            sync(folder / name, index)
    with pytest.raises(ConfigError, match="include and exclude choose files"):
        sync(folder / "rain.md", index, include=["*.md"])
    assert len(sources(index)) == 3


def test_a_named_file_in_a_large_folder_is_found_without_looking_at_the_rest(folder: Path) -> None:
    (folder / "guide").chmod(0)
    try:
        scanned = scan(folder, include=[pattern_of("rain.md")])
    finally:
        (folder / "guide").chmod(0o755)
    assert ([file.source for file in scanned.files], scanned.failed) == (["docs/rain.md"], ())
    selection = select([pattern_of("a b/[c]*.md")])
    assert selection.named == ("a b/[c]*.md",)
    assert selection.may_include_below("a b") and not selection.may_include_below("a")
    assert selection.includes("a b/[c]*.md") and not selection.includes("a b/c1.md")
    assert select(["/docs/*.md"]).named is None and select(["rain.md"]).named is None


def test_files_of_a_folder_are_taken_together_and_names_must_differ(folder: Path, tmp_path: Path) -> None:
    found = targets_of([folder / "rain.md", folder / "snow.md", folder / "rain.md", folder / "guide/ice.md"], {})
    assert [(each.folder, each.files) for each in found] == [
        (folder, ("rain.md", "snow.md")),
        (folder / "guide", ("ice.md",)),
    ]
    known = {"all": SyncedFolder(str(folder))}
    (found,) = targets_of([folder / "rain.md", folder / "guide/ice.md"], known)
    assert (found.name, found.files) == ("all", ("rain.md", "guide/ice.md"))
    (tmp_path / "other" / "docs").mkdir(parents=True)
    with pytest.raises(ConfigError, match="would both be called 'docs'"):
        targets_of([folder, tmp_path / "other" / "docs"], {})


def test_the_command_takes_several_and_goes_on_after_a_refusal(
    folder: Path, tmp_path: Path, share_model: object, capsys: pytest.CaptureFixture[str]
) -> None:
    def shell(*arguments: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as leaving:
            command = ["ingest", "sync", *arguments, "--index", str(tmp_path / "index")]
            console.run(app, command, pool=POOL)
        return leaving.value.code, *capsys.readouterr()

    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "memo.txt").write_text("A memo.")
    code, printed, _ = shell(str(folder), str(notes), "--json")
    assert (code, json.loads(printed)["added"]) == (0, 5)
    (notes / "memo.txt").unlink()
    (folder / "rain.md").write_text("Rain, again.")
    code, printed, said = shell(str(notes), str(folder), "-v")
    assert (code, "updated docs/rain.md" in printed, "the only document" in said) == (2, True, True)
    assert shell(str(folder), str(notes), "--watch")[0] == 2
    code, printed, _ = shell(str(folder / "rain.md"), "--dry-run")
    assert (code, "0 added, 0 updated" in printed) == (0, True)
    code, _, said = shell(str(folder), str(folder / "nowhere.md"))
    assert (code, "nowhere.md is not a file or folder that exists" in said) == (2, True)
