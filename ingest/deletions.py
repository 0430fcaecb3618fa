"""Whether a sync may delete what its folder no longer holds, and which deleted documents a sync brings back.

An emptied folder is more often a share that is not mounted than the wish to forget all that was in it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from ingest.opening import hash_file
from ingest.scan import ScannedFile
from retrieval.errors import DeletionsRefusedError, LoadError
from retrieval.types import DocumentRecord, SyncedFolder

_FEW = 20
"""Of fewer documents, half may go by hand in a minute."""


def searchable(records: Iterable[DocumentRecord], folder: str) -> list[DocumentRecord]:
    """Those of the folder's documents that searches can return."""
    return [record for record in records if record.folder == folder and record.chunk_ids]


def check_deletions(
    gone: Sequence[DocumentRecord],
    documents: Sequence[DocumentRecord],
    new: Iterable[ScannedFile],
    *,
    root: Path,
) -> None:
    """Raises DeletionsRefusedError where too many documents of one folder would go: all, or more than half of at least
    20.

    gone       the documents that would be deleted
    documents  all of the folder that searches can return
    new        files that are not indexed yet: a document whose content is in one of these, or in another document of
               the folder, has moved and is not lost
    root       the folder
    """
    deleted = {record.source for record in gone}
    count = len(documents)
    if not _are_too_many(sum(record.source in deleted for record in documents), count):
        return
    there = {record.content_hash for record in documents if record.source not in deleted}
    there |= _hashes(new, {record.size for record in gone})
    going = [record for record in documents if record.source in deleted]
    lost = [record.source for record in going if record.content_hash not in there]
    if _are_too_many(len(lost), count):
        raise DeletionsRefusedError(_reason(lost, len(going), count, folder=going[0].folder, root=root))


def why_refused(
    gone: Sequence[DocumentRecord],
    documents: Sequence[DocumentRecord],
    new: Iterable[ScannedFile],
    *,
    root: Path,
) -> str:
    """What `check_deletions` would raise with these arguments, in words; "" where it would let them pass."""
    try:
        check_deletions(gone, documents, new, root=root)
    except DeletionsRefusedError as error:
        return str(error)
    return ""


def _are_too_many(lost: int, count: int) -> bool:
    return lost > 0 and (lost == count or (count >= _FEW and lost * 2 > count))


def _reason(lost: Sequence[str], deleted: int, count: int, *, folder: str, root: Path) -> str:
    """`deleted` of the `count` documents would go, as the report counts them; the others of these have moved."""
    there = sum(_is_there(source, root) for source in lost)
    if there * 2 > len(lost):
        why = "their files are there, but are left out now (include, exclude, ignore files), or cannot be read as text"
        way_out = "See to that"
    else:
        why = f"their files are not in {root}"
        way_out = "If a share should be mounted there, mount it and sync again"
    share = "all" if deleted == count else f"{deleted:,} of"
    documents = f"{share} {count:,} documents" if count > 1 else "the only document"
    moved = f" ({deleted - len(lost):,} of them have moved)" if deleted > len(lost) else ""
    return (
        f"This would delete {documents} of the folder {folder!r} from the index{moved}: {why}. {way_out}; if it is "
        "meant, allow it with --allow-deletions (allow_deletions=True)."
    )


def still_in_folder(records: Iterable[DocumentRecord], folders: Mapping[str, SyncedFolder]) -> list[str]:
    """The sources of those records that are of a synced folder, and whose file is in it."""
    of_files = [record for record in records if record.folder in folders]
    return [record.source for record in of_files if _is_there(record.source, Path(folders[record.folder].path))]


def _is_there(source: str, root: Path) -> bool:
    return os.path.lexists(root.joinpath(*source.split("/")[1:]))


def _hashes(files: Iterable[ScannedFile], sizes: AbstractSet[int]) -> set[str]:
    """The content hashes of those files that have one of the sizes."""
    found = set()
    for file in files:
        if file.size in sizes:
            try:
                found.add(hash_file(file))
            except (OSError, LoadError):
                continue  # indexing it will say what is wrong
    return found
