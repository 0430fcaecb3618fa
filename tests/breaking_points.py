"""A sync with something of everything, and the steps at which it writes: where it can be killed, or its disk fill."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import ingest.indexer
import retrieval.segments.merge_policy
import retrieval.segments.merger
import retrieval.writer.backlog
import retrieval.writer.commit
import retrieval.writer.writer
from retrieval.chroma.store import Store
from retrieval.directory.index_directory import IndexDirectory
from retrieval.segments.manifest import Manifest
from retrieval.segments.pack import PackWriter

STEPS: tuple[tuple[Any, str], ...] = (
    (Store, "set_state"),
    (Store, "add_records"),
    (Store, "put_records"),
    (Store, "put_chunks"),
    (Store, "update_records"),
    (Store, "update_chunks"),
    (Store, "delete_chunks"),
    (Store, "delete_records"),
    (IndexDirectory, "write_pointer"),
    (IndexDirectory, "remove_leftovers"),
    (PackWriter, "finish"),
    (Manifest, "write"),
    (retrieval.writer.commit, "write_segment"),
    (retrieval.writer.backlog, "write_segment"),
    (retrieval.segments.merger, "merge_segments"),
)

Patch = Callable[[Any, str, object], None]
"""setattr, or a MonkeyPatch's."""


class _Inline:
    """An executor that does things at once, so that steps come in the same order each time."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, call: Callable[..., Any], *arguments: object) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None:
        pass


def make_small(patch: Patch, *, is_in_order: bool) -> None:
    """Have a small sync commit in parts, and two segments merge.

    is_in_order   merges happen where they begin, and not beside what follows
    """
    patch(ingest.indexer, "_BATCH_CHUNKS", 8)
    patch(retrieval.writer.writer, "_FIRST_COMMIT", 8)
    patch(retrieval.writer.writer, "_SECONDS", 1e9)
    patch(retrieval.segments.merge_policy, "TIER", 2)
    if is_in_order:
        patch(retrieval.segments.merger, "ThreadPoolExecutor", _Inline)


def break_into(patch: Patch, on_event: Callable[[str], None]) -> None:
    """Have `on_event` called before and after every step."""

    def wrapped(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **keywords: object) -> object:
            on_event(f"before {name}")
            result = real(*arguments, **keywords)
            on_event(f"after {name}")
            return result

        return call

    for owner, name in STEPS:
        patch(owner, name, wrapped(name, getattr(owner, name)))


def text_of(topic: str, paragraphs: int = 1) -> str:
    return "\n\n".join(f"Paragraph {n} on {topic}. " + f"The {topic} has {n} sides. " * 22 for n in range(paragraphs))


def make_folder(folder: Path) -> None:
    folder.mkdir()
    for name in ("kept", "changed", "gone", "moved", "spoilt", "grown"):
        (folder / f"{name}.txt").write_text(text_of(f"old {name}"))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing else")


def change_folder(folder: Path) -> None:
    """New, changed, moved and deleted files, one that gets text put before the rest, one that cannot be read any more,
    and enough new ones that a part is committed before the end."""
    (folder / "changed.txt").write_text(text_of("new changed"))
    (folder / "grown.txt").write_text("A line in front.\n\n" + text_of("old grown") + "\n\n" + text_of("new grown"))
    (folder / "gone.txt").unlink()
    (folder / "moved.txt").rename(folder / "moved-here.txt")
    (folder / "spoilt.txt").write_bytes(b"%PDF-1.4 and nothing else")
    for n in range(5):
        (folder / f"new-{n}.txt").write_text(text_of(f"new {n}", 2))
