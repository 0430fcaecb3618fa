"""The planner: every file and record ends up in exactly one place; a plan carried out leaves nothing to do."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest.plan import Candidate, needs_reading, plan, seen
from ingest.scan import ScannedFile
from retrieval.types import DocumentRecord

SECOND = 1_000_000_000

_names = st.sampled_from([f"docs/{letter}" for letter in "abcdef"])
_files = st.dictionaries(_names, st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=6)
_records = st.dictionaries(
    _names,
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from(["ready", "failed", "indexing"]),
        st.sampled_from(["docs", "", "else"]),
    ),
    max_size=6,
)


def scanned(source: str, content: int, time: int) -> ScannedFile:
    return ScannedFile(source, f"/{source}", content, time * SECOND)


def recorded(source: str, content: int, time: int, status: str, folder: str) -> DocumentRecord:
    record = DocumentRecord.begun(source, folder=folder, content_hash=str(content), indexed_ns=100 * SECOND)
    return replace(record, size=content, mtime_ns=time * SECOND, status=status, chunk_ids=("chunk",))


def examined(files: dict, ledger: dict[str, DocumentRecord]) -> list[Candidate]:
    """As `sync` does: the content of a file is looked at only where the planner says so."""
    candidates = []
    for source, (content, time) in files.items():
        file = scanned(source, content, time)
        candidates.append(Candidate(file, str(content) if needs_reading(file, ledger.get(source)) else None))
    return candidates


@given(_files, _records)
def test_every_file_and_record_has_one_place(files: dict, records: dict) -> None:
    ledger = {source: recorded(source, *values) for source, values in records.items()}
    result = plan(examined(files, ledger), ledger, folder="docs")
    indexed = [file.source for file in (*result.add, *result.update, *result.taken)]
    assert len(indexed) + result.unchanged == len(files)
    assert len(set(indexed)) == len(indexed)
    assert {r.source for r in result.delete} == {s for s, r in ledger.items() if r.folder == "docs" and s not in files}
    for file in (*result.add, *result.update):
        assert file.source not in ledger or ledger[file.source].folder == "docs"


@given(_files, _records)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(files: dict, records: dict) -> None:
    ledger = {source: recorded(source, *values) for source, values in records.items()}
    result = plan(examined(files, ledger), ledger, folder="docs")
    for record in result.delete:
        del ledger[record.source]
    for file in (*result.add, *result.update, *(file for file, _ in result.touch)):
        ledger[file.source] = recorded(file.source, *files[file.source], "ready", "docs")
    again = plan(examined(files, ledger), ledger, folder="docs")
    assert again.is_empty
    assert again.taken == result.taken


def test_a_file_changed_right_after_it_was_indexed_is_looked_at_again() -> None:
    record = recorded("docs/a", 1, 99, "ready", "docs")
    assert needs_reading(scanned("docs/a", 1, 99), record)
    assert not needs_reading(scanned("docs/a", 1, 9), replace(record, mtime_ns=9 * SECOND))


def test_a_file_with_another_ctime_or_inode_is_looked_at() -> None:
    file = replace(scanned("docs/a", 1, 9), ctime_ns=1, inode=2)
    record = seen(file, recorded("docs/a", 1, 9, "ready", "docs"))
    assert not needs_reading(file, record)
    assert needs_reading(replace(file, ctime_ns=3), record)
    assert needs_reading(replace(file, inode=3), record)


def test_ctime_and_inode_are_noted_in_records_that_had_none() -> None:
    file, record = replace(scanned("docs/a", 1, 9), ctime_ns=1, inode=2), recorded("docs/a", 1, 9, "ready", "docs")
    assert not needs_reading(file, record)
    assert plan([Candidate(file, None)], {"docs/a": record}, folder="docs").touch == ((file, record),)
    assert plan([Candidate(file, None)], {"docs/a": seen(file, record)}, folder="docs").is_empty


def test_only_the_content_decides_whether_a_file_changed() -> None:
    ledger = {"docs/a": recorded("docs/a", 1, 1, "ready", "docs")}
    touched = plan([Candidate(scanned("docs/a", 1, 50), "1")], ledger, folder="docs")
    assert (touched.unchanged, touched.update, len(touched.touch)) == (1, (), 1)
    edited = plan([Candidate(scanned("docs/a", 1, 50), "2")], ledger, folder="docs")
    assert (edited.unchanged, [file.source for file in edited.update]) == (0, ["docs/a"])


def test_what_lies_below_an_unreadable_folder_is_unknown_rather_than_gone() -> None:
    ledger = {s: recorded(s, 1, 1, "ready", "docs") for s in ("docs/a", "docs/closed/b", "docs/closed-not/c")}
    result = plan([], ledger, folder="docs", unknown=("docs/closed/",))
    assert [record.source for record in result.delete] == ["docs/a", "docs/closed-not/c"]
    assert plan([], ledger, folder="docs", unknown=("docs/a",)).delete == tuple(ledger.values())[1:]
