"""Files that two synced folders share, because one lies in the other: each is indexed twice."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from ingest.scan import Scan
from retrieval.types import DocumentRecord, SyncedFolder


def shared_files(
    scanned: Scan, ledger: Iterable[DocumentRecord], folders: Mapping[str, SyncedFolder]
) -> dict[str, int]:
    """Name of another synced folder -> how many of the scanned files are documents of that folder too. Names without
    any are left out. Pure: paths are compared as they are written."""
    near = {
        name: Path(folder.path)
        for name, folder in folders.items()
        if name != scanned.name and _overlap(Path(folder.path), scanned.root)
    }
    if not near:
        return {}
    paths = {file.path for file in scanned.files}
    return dict(
        Counter(
            record.folder
            for record in ledger
            if record.chunk_ids
            and record.folder in near
            and str(near[record.folder].joinpath(*record.source.split("/")[1:])) in paths
        )
    )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
