"""`ingest status`: what an index holds, and what the next sync would do."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.console import (
    DEFAULT_INDEX,
    ConfigOption,
    IndexOption,
    JsonOption,
    out,
    print_json,
    printable,
)
from retrieval.errors import IndexLockedError, IndexNotFoundError
from retrieval.words import counted

if TYPE_CHECKING:
    from ingest.status import FolderStatus

_PENDING_SHOWN = 20


def status(index: IndexOption = DEFAULT_INDEX, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what is indexed, what failed, what is pending, and why."""
    from ingest.status import folder_status
    from retrieval.directory.index_directory import IndexDirectory
    from retrieval.directory.writer_progress import writer_progress
    from retrieval.encoders.estimating_tokenizer import ESTIMATE
    from retrieval.index import HybridIndex

    writing = writer_progress(IndexDirectory(index).writer_lock.holder)
    try:
        opened = HybridIndex.open(index, config=config, read_only=True)
    except (IndexLockedError, IndexNotFoundError):
        if writing is None:
            raise
        _print_first_sync(writing, index, as_json=as_json)
        return
    with opened:
        searcher, folders = opened.searcher(), folder_status(opened)
        stats = searcher.stats()
        added = [record for record in searcher.documents() if not record.folder]
        added_indexed = sum(not record.folder for record in searcher.searchable())
    if as_json:
        print_json({**stats._asdict(), "folders": [_folder_as_dict(folder) for folder in folders], "writing": writing})
        return
    out.print(
        f"{counted(stats.documents, 'document')}, {counted(stats.chunks, 'chunk')}, {counted(stats.tokens, 'token')} "
        f"in {index}",
        markup=False,
    )
    if stats.pending_chunks:
        awaiting = counted(stats.pending_chunks, "chunk")
        out.print(f"{awaiting} of these await their vectors: words find them; `ingest sync` embeds the rest")
    chunk = "" if stats.chunk_size == "auto" else f", chunks of at most {stats.chunk_size}"
    estimated = f" (an estimate: {ESTIMATE}; encoder_tokenizer counts exactly)" if stats.limit_is_estimated else ""
    out.print(
        f"model {stats.model}, {stats.dimension} dimensions, {stats.pooling} pooling, at most {stats.max_seq_length} "
        f"tokens{estimated}{chunk}, prefixes {stats.query_prefix!r} and {stats.passage_prefix!r}",
        markup=False,
    )
    if writing is not None:
        out.print(_writing_in_words(writing), markup=False)
    for folder in folders:
        _print_folder(folder)
    if added:
        out.print(f"added one by one: {added_indexed:,} indexed")
    for record in added:
        if record.status != "ready":
            out.print(f"  {record.status}: {printable(record.source)}: {record.reason or 'add it again'}", markup=False)
        elif record.reason:
            out.print(f"  in part: {printable(record.source)}: {record.reason}", markup=False)


def _print_first_sync(writing: Mapping[str, Any], index: Path, *, as_json: bool) -> None:
    """What is known while nothing is committed yet."""
    if as_json:
        print_json({"documents": 0, "chunks": 0, "tokens": 0, "folders": [], "writing": writing})
        return
    out.print(f"Nothing of {index} can be searched yet: the first part is not committed.", markup=False)
    out.print(_writing_in_words(writing), markup=False)


def _writing_in_words(writing: Mapping[str, Any]) -> str:
    done = f"{writing['documents']:,} of {writing['total_documents']:,} documents"
    if not writing["total_documents"]:
        done = "looking for what has changed"
    return (
        f"being written by process {writing['pid']} on {writing['host']} for {writing['seconds']:.0f} s: "
        f"{printable(writing['folder'])}: {done}, {counted(writing['chunks'], 'chunk')}"
    )


def _print_folder(folder: "FolderStatus") -> None:
    chosen = [f"include {pattern!r}" for pattern in folder.folder.include]
    chosen += [f"exclude {pattern!r}" for pattern in folder.folder.exclude]
    pending = folder.pending or ()
    counts = f"{folder.indexed:,} indexed, {len(folder.failed):,} failed, {len(pending):,} pending"
    if folder.pending is None:
        counts = f"{folder.indexed:,} indexed, {len(folder.failed):,} recorded as failed, pending unknown"
    out.print(f"{', '.join([f'{folder.name}: {folder.folder.path}', *chosen])}: {counts}", markup=False)
    if folder.unreachable:
        out.print(f"  unreachable: {folder.unreachable}", markup=False)
    if folder.refused:
        out.print(f"  the next sync would be refused: {folder.refused}", markup=False)
    if folder.awaiting:
        out.print(
            f"  {counted(folder.awaiting, 'document')} of these found by words alone, until a sync has embedded them"
        )
    for failure in folder.failed:
        out.print(f"  failed: {printable(failure.source)}: {failure.reason}", markup=False)
    for notice in folder.notices:
        out.print(f"  in part: {printable(notice.source)}: {notice.reason}", markup=False)
    for step in pending[:_PENDING_SHOWN]:
        out.print(f"  pending: {step.action} {printable(step.source)}", markup=False)
    if (more := len(pending) - _PENDING_SHOWN) > 0:
        out.print(f"  pending: {more:,} more, which --json lists")


def _folder_as_dict(folder: "FolderStatus") -> dict[str, Any]:
    return {
        "name": folder.name,
        **folder.folder._asdict(),
        "indexed": folder.indexed,
        "failed": [failure._asdict() for failure in folder.failed],
        "pending": None if folder.pending is None else [step._asdict() for step in folder.pending],
        "skipped": [skip._asdict() for skip in folder.skipped],
        "notices": [notice._asdict() for notice in folder.notices],
        "unreachable": folder.unreachable,
        "refused": folder.refused,
        "awaiting": folder.awaiting,
    }
