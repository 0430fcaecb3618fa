"""A folder and its index: kept in step, file by file, at the least cost."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import add, diff
from ingest.doctor import examine
from ingest.report import Progress, SyncReport
from ingest.status import folder_status
from retrieval import Config, Document, HybridIndex
from retrieval.chroma.store import Store
from retrieval.errors import ConfigError, DocumentError
from retrieval.types import DocumentRecord, SyncedFolder
from retrieval.writer.document_writer import DocumentWriter
from tests.ingesting import sync
from tests.letters import Letters

Open = Callable[..., HybridIndex]

PARAGRAPHS = [
    f"Paragraph {n}: " + f"the {n}th river runs past {n + 2} mills and {n * 7} trees. " * 12 for n in range(40)
]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide").mkdir(parents=True)
    (folder / "guide" / "rain.md").write_text(
        "# Rain\n\nRain falls from clouds.\n\n## Causes\n\nVapour condenses into drops.\n"
    )
    (folder / "bread.txt").write_text("Bread rises because yeast eats sugar.\n")
    (folder / "page.html").write_text(
        "<html><head><title>Tides</title></head><body><nav>Home</nav>"
        "<main><h1>Tides</h1><p>The moon pulls.</p></main></body></html>"
    )
    (folder / "tool.py").write_text('def brew(malt):\n    """Brew beer from malt."""\n    return malt\n')
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / ".hidden.txt").write_text("secret")
    (folder / "build").mkdir()
    (folder / "build" / "out.txt").write_text("generated")
    (folder / ".gitignore").write_text("build/\n")
    return folder


def sources(index: HybridIndex) -> list[str]:
    return [record.source for record in index.documents()]


def count_writes(monkeypatch: pytest.MonkeyPatch, writes: Sequence[str]) -> list[str]:
    calls: list[str] = []
    for name in writes:
        method = getattr(Store, name)
        monkeypatch.setattr(Store, name, lambda *a, _name=name, _method=method: (calls.append(_name), _method(*a))[1])
    return calls


def test_a_folder_becomes_searchable_and_citable(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        report = sync(docs, index)
        assert (report.added, report.failed, report.truncated) == (4, (), 0)
        assert [skip.source for skip in report.skipped] == ["docs/photo.png"]
        assert sources(index) == ["docs/bread.txt", "docs/guide/rain.md", "docs/page.html", "docs/tool.py"]
        hit = index.search("why does vapour condense", 1)[0]
        assert (hit.source, hit.title) == ("docs/guide/rain.md", "Rain")
        text = (docs / "guide" / "rain.md").read_text()
        assert text[hit.char_start : hit.char_end] == hit.text
        assert text.split("\n")[hit.line_start - 1 : hit.line_end] == hit.text.split("\n")
        assert "Home" not in index.search("moon", 1)[0].text


def test_a_second_sync_does_nothing_at_all(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, store_writes: tuple[str, ...]
) -> None:
    with open_index() as index:
        sync(docs, index)
    calls = count_writes(monkeypatch, store_writes)
    with open_index() as index:
        report = sync(docs, index)
        assert (report.unchanged, report.added, report.updated, report.deleted, len(report.skipped)) == (4, 0, 0, 0, 1)
        assert report.tokens_embedded == report.chunks_added == report.chunks_deleted == 0
    assert calls == []


def test_one_changed_paragraph_embeds_only_the_chunks_whose_text_changed(open_index: Open, docs: Path) -> None:
    file = docs / "long.txt"
    file.write_text("\n\n".join(PARAGRAPHS))
    with open_index() as index:
        sync(docs, index)
        before = {hit.id: hit.text for hit in index.search("river", 1000, where={"source": "docs/long.txt"})}
        changed = list(PARAGRAPHS)
        changed[20] = changed[20].replace("mills", "old water mills")
        file.write_text("\n\n".join(changed))
        report = sync(docs, index)
        after = {hit.id: hit.text for hit in index.search("river", 1000, where={"source": "docs/long.txt"})}
        assert report.updated == 1
        assert report.chunks_added == len(after.keys() - before.keys())
        assert report.chunks_deleted == len(before.keys() - after.keys())
        assert 0 < report.chunks_added <= 5 < len(after) // 4
        assert report.chunks_reused == len(after) - report.chunks_added
        assert report.tokens_embedded <= report.chunks_added * 256


def test_a_paragraph_put_in_front_moves_the_others_without_embedding_them(open_index: Open, docs: Path) -> None:
    file = docs / "guide" / "rain.md"
    with open_index() as index:
        sync(docs, index)
        (before,) = index.search("vapour", 1, where={"source": "docs/guide/rain.md"})
        file.write_text("A line above.\n\n" + file.read_text())
        sync(docs, index)
        (after,) = index.search("vapour", 1, where={"source": "docs/guide/rain.md"})
        text = file.read_text()
        assert after.line_start >= before.line_start
        assert text[after.char_start : after.char_end] == after.text
    assert examine(index.path) == []


def test_a_file_that_is_gone_is_gone_from_the_index(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        (docs / "bread.txt").unlink()
        report = sync(docs, index)
        assert (report.deleted, report.chunks_deleted) == (1, 1)
        assert "docs/bread.txt" not in sources(index)
        assert all("yeast" not in hit.text for hit in index.search("yeast", 100))


def test_a_moved_file_is_not_embedded_again(open_index: Open, docs: Path) -> None:
    encoder = Letters()
    with open_index(encoder=encoder) as index:
        sync(docs, index)
    encoder.passages.clear()
    with open_index(encoder=encoder) as index:
        (docs / "bread.txt").rename(docs / "guide" / "loaf.txt")
        report = sync(docs, index)
        assert (report.added, report.deleted, report.tokens_embedded) == (1, 1, 0)
        assert not encoder.passages
        assert index.search("yeast", 1)[0].source == "docs/guide/loaf.txt"


def test_files_of_equal_content_are_documents_each_and_embedded_once(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        for n in range(3):
            (docs / f"copy{n}.txt").write_text("A text that stands in three files.\n")
        report = sync(docs, index)
        assert (report.added, report.chunks_added, report.chunks_reused) == (3, 3, 2)
        hits = index.search("a text that stands in files", 3, collapse=False)
        assert {hit.source for hit in hits} == {f"docs/copy{n}.txt" for n in range(3)}
        assert report.tokens_embedded <= 20


def test_patterns_choose_files_and_are_remembered_for_whoever_asks(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index, include=["*.md", "*.txt"], exclude=["guide/"])
        assert sources(index) == ["docs/bread.txt"]
        assert index.folders() == {"docs": SyncedFolder(str(docs), ("*.md", "*.txt"), ("guide/",))}
        assert folder_status(index)[0].pending == ()
        report = sync(docs, index)
        assert (report.added, report.unchanged) == (3, 1)
        assert sync(docs, index, exclude="*.py").deleted == 1


def test_what_takes_no_time_is_not_stopped(open_index: Open, docs: Path) -> None:
    stop = threading.Event()
    stop.set()
    with open_index() as index:
        sync(docs, index)
        assert not sync(docs, index, stop=stop).interrupted
        (docs / "bread.txt").unlink()
        report = sync(docs, index, stop=stop)
        assert (report.deleted, report.interrupted) == (1, False)


@pytest.mark.parametrize("wait_for_vectors", [False, True])
def test_stopping_finishes_what_is_in_hand_and_loses_nothing(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, wait_for_vectors: bool
) -> None:
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 2)
    for n in range(10):
        (docs / f"{n}.txt").write_text(f"Text of number {n}.")
    stop = threading.Event()

    def stop_after_the_third(progress: Progress) -> None:
        if progress.documents >= 3:
            stop.set()

    with open_index() as index:
        report = sync(docs, index, stop=stop, on_progress=stop_after_the_third, wait_for_vectors=wait_for_vectors)
        assert report.interrupted
        ready = [record for record in index.documents() if record.status == "ready"]
        assert 3 <= report.added == len(ready) < 14
        (status,) = folder_status(index)
        assert (status.indexed - status.awaiting, len(status.pending) + status.awaiting) == (
            len(ready),
            14 - len(ready),
        )
        assert status.awaiting == (0 if wait_for_vectors else 14 - len(ready))
        rest = sync(docs, index)
        assert not rest.interrupted
        assert rest.unchanged == report.added
        assert rest.unchanged + rest.added == 14


def test_progress_ends_where_it_said_it_would(open_index: Open, docs: Path) -> None:
    seen: list[Progress] = []
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (docs / "long.txt").write_text("\n\n".join(PARAGRAPHS))
    with open_index() as index:
        report = sync(docs, index, on_progress=seen.append)
    last = seen[-1]
    assert (last.documents, last.bytes) == (last.total_documents, last.total_bytes)
    assert (last.tokens, last.chunks) == (report.tokens_embedded, report.chunks_added)
    assert all(earlier[i] <= later[i] for earlier, later in pairwise(seen) for i in (0, 2, 4, 5))
    assert any(step.chunks > 0 and step.documents < step.total_documents for step in seen), "not only at the end"


def test_touching_a_file_changes_nothing_but_its_time(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, store_writes: tuple[str, ...]
) -> None:
    with open_index() as index:
        sync(docs, index)
        os.utime(docs / "bread.txt", ns=(1_000_000_000, 1_000_000_000))
        report = sync(docs, index)
        assert (report.unchanged, report.updated, report.tokens_embedded) == (4, 0, 0)
        calls = count_writes(monkeypatch, store_writes)
        sync(docs, index)
        assert calls == []


@pytest.mark.parametrize("text", ["Bread tells another tale.", None])
def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_again(
    open_index: Open, docs: Path, text: str | None
) -> None:
    """None: by a copy of itself, which is noted and no change."""
    file = docs / "bread.txt"
    file.write_text("Bread tells its own tale.")
    os.utime(file, ns=(1_000_000_000, 1_000_000_000))
    with open_index() as index:
        sync(docs, index)
        new = docs.parent / "new.txt"
        new.write_text(text or file.read_text())
        os.utime(new, ns=(1_000_000_000, 1_000_000_000))
        before = file.stat()
        new.replace(file)
        assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        assert sync(docs, index).updated == (1 if text else 0)
        (record,) = [record for record in index.documents() if record.source == "docs/bread.txt"]
        assert record.inode == file.stat().st_ino != before.st_ino
        if text:
            assert index.search("another tale", mode="lexical")[0].source == "docs/bread.txt"


def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(open_index: Open, docs: Path, tmp_path: Path) -> None:
    with open_index() as index:
        planned = sync(docs, index, dry_run=True)
        assert not (tmp_path / "index").exists()
        done = sync(docs, index)
        assert planned.dry_run
        assert (planned.added, planned.skipped) == (done.added, done.skipped)
        assert [step.source for step in planned.planned] == sources(index)
        (docs / "bread.txt").unlink()
        (docs / "tool.py").write_text("other = 1\n")
        planned = sync(docs, index, dry_run=True)
        assert (planned.added, planned.updated, planned.deleted, planned.unchanged) == (0, 1, 1, 2)
        assert planned.planned == (("delete", "docs/bread.txt"), ("update", "docs/tool.py"))


def test_a_file_that_cannot_be_read_costs_only_itself(open_index: Open, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (docs / "broken.docx").write_bytes(b"PK\x03\x04 not a zip")
    with open_index() as index:
        report = sync(docs, index)
        assert report.added == 4
        assert [failure.source for failure in report.failed] == ["docs/broken.docx", "docs/broken.pdf"]
        assert all(failure.reason for failure in report.failed)
        planned = sync(docs, index, dry_run=True)
        assert (planned.added, planned.updated, planned.unchanged) == (0, 0, 4)
        assert planned.failed == report.failed
        states = {record.source: record.status for record in index.documents()}
        assert states["docs/broken.pdf"] == "failed"
        assert states["docs/bread.txt"] == "ready"


def test_the_last_readable_version_stays_until_there_is_a_better_one(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, store_writes: tuple[str, ...]
) -> None:
    file = docs / "page.html"
    with open_index() as index:
        sync(docs, index)
        good = file.read_bytes()
        file.write_bytes(b"%PDF-1.7 and no more")
        report = sync(docs, index)
        assert [failure.source for failure in report.failed] == ["docs/page.html"]
        assert index.search("moon", 1)[0].source == "docs/page.html"
        calls = count_writes(monkeypatch, store_writes)
        assert sync(docs, index).failed == report.failed
        assert calls == [], "a failure that is known is not written again"
        file.write_bytes(good)
        report = sync(docs, index)
        assert (report.failed, report.updated, report.tokens_embedded) == ((), 1, 0)
        assert {record.status for record in index.documents()} == {"ready"}


def test_folders_and_added_documents_share_an_index_and_keep_apart(
    open_index: Open, docs: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("A note about chess.")
    with open_index() as index:
        sync(docs, index)
        sync(notes, index)
        add([Document("memo", "A memo about snow.")], index)
        shutil.rmtree(docs)
        docs.mkdir()
        assert sync(docs, index, allow_deletions=True).deleted == 4
        assert sources(index) == ["memo", "notes/a.txt"]
        with pytest.raises(DocumentError, match="synced folder 'notes'"):
            add([Document("notes/a.txt", "mine")], index)


def test_two_folders_of_one_name_are_told_apart_by_name(
    open_index: Open, docs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other" / "docs"
    other.mkdir(parents=True)
    (other / "x.txt").write_text("Another folder of the same name.")
    with open_index() as index:
        sync(docs, index)
        with pytest.raises(ConfigError, match="--name"):
            sync(other, index)
        sync(other, index, name="others")
        assert "others/x.txt" in sources(index)
        assert len(sources(index)) == 5
        assert not caplog.messages
        sync(docs / "guide", index, dry_run=True)
        (warning,) = caplog.messages
        assert warning.startswith("1 file of the folder 'guide'") and "synced folder 'docs'" in warning


def test_a_folder_that_has_moved_is_the_same_folder(open_index: Open, docs: Path, tmp_path: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        (tmp_path / "new").mkdir()
        moved = docs.rename(tmp_path / "new" / "docs")
        report = sync(moved, index)
        assert (report.unchanged, report.added, report.deleted, report.tokens_embedded) == (4, 0, 0, 0)
        assert index.folders() == {"docs": SyncedFolder(str(moved))}
        shutil.rmtree(moved)
        moved.mkdir()
        sync(moved, index, allow_deletions=True)
        assert index.folders() == {}, "a folder without documents owns no name"


def test_files_of_white_space_are_empty_and_leave_nothing_of_what_they_were(open_index: Open, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.md").write_text("Rain.")
    with open_index() as index:
        assert sync(folder, index).added == 1
        (folder / "blank.md").write_text(" \n\t\n")
        report = sync(folder, index)
        assert (report.added, report.updated, report.deleted, report.failed) == (0, 0, 1, ())
        assert report.skipped == (("docs/blank.md", "it is empty"), ("docs/empty.txt", "it is empty"))
        assert replace(sync(folder, index), seconds=0) == SyncReport(skipped=report.skipped)


def test_a_page_that_scripts_fill_fails_and_is_never_counted(open_index: Open, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "app.html").write_text("<!doctype html><title>App</title><script>draw('rain')</script>")
    with open_index() as index:
        report = sync(tmp_path / "docs", index)
        ((source, reason),) = report.failed
        assert (report.added, source) == (0, "docs/app.html")
        assert "no text was found in it" in reason
        assert "as a browser shows it" in reason


def test_no_such_folder_is_said_before_anything_is_made(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index, pytest.raises(ConfigError, match="nowhere"):
        sync(tmp_path / "nowhere", index)
    assert not (tmp_path / "index").exists()


def test_unreadable_folder_keeps_what_was_below(open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_index() as index:
        sync(docs, index)
        scandir = os.scandir

        def refusing(path: str) -> object:
            if str(path).endswith("guide"):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refusing)
        report = sync(docs, index)
        assert report.deleted == 0
        assert [failure.source for failure in report.failed] == ["docs/guide/"]
        assert "docs/guide/rain.md" in sources(index)


def test_what_only_its_parser_finds_unsupported_is_skipped_once_and_for_all(open_index: Open, docs: Path) -> None:
    (docs / "picture.xml").write_text(f"<?xml version='1.0'?><!-- {'x' * 9000} --><svg>shape</svg>" + "\0" * 3000)
    with open_index() as index:
        skipped = sync(docs, index).skipped
        assert "docs/picture.xml" in [skip.source for skip in skipped]
        again = sync(docs, index, dry_run=True)
        assert (again.skipped, again.planned) == (skipped, ())
        assert index.stats().documents == 4
    assert examine(docs.parent / "index") == []
    with open_index() as index:
        (docs / "picture.xml").write_text("<?xml version='1.0'?><note>Words about whales.</note>")
        assert sync(docs, index).added == 1
        assert index.search("whales", 1)[0].source == "docs/picture.xml"


def test_a_file_that_failed_is_left_alone_where_it_is_not_to_be_tried_again(open_index: Open, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    with open_index() as index:
        failed = sync(docs, index).failed
        seen: list[Progress] = []
        report = sync(docs, index, retry_failed=False, on_progress=seen.append)
        assert (report.failed, report.deleted, seen) == (failed, 0, [])


def test_a_touched_file_is_vouched_for_from_before_it_was_read(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    with open_index() as index:
        sync(docs, index)
        os.utime(docs / "bread.txt", ns=(1_000_000_000, 1_000_000_000))
        hash_file = diff.hash_file
        monkeypatch.setattr(diff, "hash_file", lambda file: (read.append(time.time_ns()), hash_file(file))[1])
        sync(docs, index)
        (record,) = [record for record in index.documents() if record.source == "docs/bread.txt"]
        assert record.indexed_ns < min(read)


@pytest.mark.slow
def test_rows_of_an_interrupted_write_go_even_where_the_file_then_fails(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = docs / "long.txt"
    file.write_text("\n\n".join(PARAGRAPHS))
    put_records = Store.put_records

    def dying(self: Store, records: Sequence[DocumentRecord], *rest: Any) -> None:
        if any(record.chunk_ids for record in records):
            raise KeyboardInterrupt
        put_records(self, records, *rest)

    with open_index() as index, monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "put_records", dying)
        sync(docs, index)
    with open_index() as index:
        file.write_bytes(b"%PDF-1.7 and no more")
        sync(docs, index)
        file.write_text("Repaired.")
        sync(docs, index)
    assert examine(docs.parent / "index") == []


@pytest.mark.parametrize("stays", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_rows_without_a_record_are_those_of_a_file_whose_indexing_was_interrupted(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    class Died(BaseException):
        pass

    def dying(_store: Store, records: Sequence[DocumentRecord], *_: object) -> None:
        if records:
            raise Died

    with open_index() as index, monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Store, "put_records", dying)
        patch.setattr(Store, "add_records", dying)  # nor is there a record when it breaks off
        sync(docs, index)
    with open_index() as index:
        assert {(record.folder, record.status) for record in index.documents()} == {("docs", "indexing")}
        assert index.search("rain") == []
        if not stays:
            shutil.rmtree(docs)
            docs.mkdir()
        report = sync(docs, index)
        assert (report.tokens_embedded, report.failed) == (0, ())
        assert bool(index.search("rain")) == stays
    assert examine(docs.parent / "index") == []


@pytest.mark.parametrize("before", [pytest.param(True, marks=pytest.mark.slow), False])
@pytest.mark.parametrize(
    "name",
    ["_write_fresh", *(pytest.param(name, marks=pytest.mark.slow) for name in ("write_records", "_rows_of"))],
)
def test_wherever_writing_new_documents_breaks_off_no_row_stays_unseen(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: bool
) -> None:
    real = getattr(DocumentWriter, name)

    def interrupted(writer: DocumentWriter, *arguments: Any, **keywords: Any) -> None:
        if not before:
            real(writer, *arguments, **keywords)
        raise KeyboardInterrupt

    with open_index() as index, monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DocumentWriter, name, interrupted)
        sync(docs, index)
    (docs / "bread.txt").write_text("Bread rises no more.")
    (docs / "tool.py").unlink()
    with open_index() as index:
        sync(docs, index)
        with index.writing() as writer:
            named = {id_ for record in writer.records.values() for id_ in record.chunk_ids}
            assert set(writer.store.chunk_ids()) == named
    assert examine(docs.parent / "index") == []


def test_recovery_leaves_the_record_that_another_writer_has_written_meanwhile(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index() as index:
        sync(docs, index)
        with index.writing() as writer:
            begun = [DocumentRecord.begun(source, folder="docs") for source in ("docs/bread.txt", "docs/lost.txt")]
            writer.begin()
            writer.store.add_records(begun, 384)
            stored = {record.source: record.status for record in writer.store.records()}
            assert (stored["docs/bread.txt"], stored["docs/lost.txt"]) == ("ready", "indexing")


def test_rows_that_others_put_into_the_collection_do_not_stop_recovery(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        with index.writing() as writer:
            chunks: Any = writer.store._chunks
            chunks.add(ids=["foreign", "strange"], embeddings=np.ones((2, 384)), metadatas=[None, {"source": "x"}])
    shutil.rmtree(docs.parent / "index" / "segments")
    with open_index(read_only=True) as index:
        assert index.search("bread")
        assert all(record.status != "indexing" for record in index.documents())


def test_a_file_whose_begun_record_is_nobodys_is_indexed(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        index.delete(["docs/bread.txt"])
        with index.writing() as writer:
            writer.begin()
            writer.store.add_records([DocumentRecord.begun("docs/bread.txt")], 384)
            writer.recover()
        assert sync(docs, index).added == 1
        assert next(r.folder for r in index.documents() if r.source == "docs/bread.txt") == "docs"


def test_a_new_document_costs_one_record(open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    for name in ("add_records", "put_records", "update_records"):
        real = getattr(Store, name)

        def noted(
            store: Store, records: Sequence[DocumentRecord], *rest: Any, real: Any = real, **keywords: Any
        ) -> None:
            written.extend(record.source for record in records)
            real(store, records, *rest)

        monkeypatch.setattr(Store, name, noted)
    with open_index() as index:
        sync(docs, index)
        assert sorted(written) == [record.source for record in index.documents()]


def test_a_directory_that_holds_other_things_becomes_no_index(open_index: Open, docs: Path, tmp_path: Path) -> None:
    (tmp_path / "project" / "chroma").mkdir(parents=True)
    with open_index("project", config=Config()) as index, pytest.raises(ConfigError, match="holds other things"):
        sync(docs, index)
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["chroma"]


def test_a_folder_does_not_become_its_own_index(open_index: Open, docs: Path) -> None:
    (docs / "writer.lock").touch()  # of an earlier attempt, when there were no files yet
    before = sorted(docs.iterdir())
    with open_index(docs.name) as index, pytest.raises(ConfigError, match="is no index and holds other things"):
        sync(docs, index)
    assert sorted(docs.iterdir()) == before


@pytest.mark.parametrize("place", [".retrieval", "index"])
def test_an_index_in_the_folder_is_no_part_of_it(open_index: Open, docs: Path, place: str) -> None:
    with open_index(f"{docs.name}/{place}") as index:
        first = sync(docs, index)
        again = sync(docs, index)
        assert (again.added, again.unchanged, again.skipped) == (0, first.added, first.skipped)
