"""What one generation consists of, in a small file: its segments, and what is true of the index as a whole."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from retrieval.chroma.rows import folders_from, scale_from
from retrieval.chroma.store import State
from retrieval.directory.sealed_json import SealError, unseal, write_sealed
from retrieval.errors import IndexDamagedError

NAME = re.compile(r"[0-9a-f]{32}\.json")


class Entry(NamedTuple):
    """The name of a segment's file, and of the one that says what is deleted from it; "" where nothing is."""

    segment: str
    deletions: str = ""


@dataclass(frozen=True)
class Manifest:
    """state       as in Chroma, once the write that made the generation is settled
    segments    in the order of their rows
    documents   folder -> how many documents are its own; "" for those added from memory
    pending     segments of documents that await vectors: Chroma does not have these versions of them yet
    """

    state: State
    segments: tuple[Entry, ...] = ()
    documents: Mapping[str, int] | None = None
    pending: tuple[Entry, ...] = ()

    @property
    def files(self) -> set[str]:
        """The names of all files in the directory of segments that the generation needs."""
        return {name for entry in (*self.segments, *self.pending) for name in entry if name}

    def write(self, directory: Path) -> None:
        """Write it into the directory of generations, atomically."""
        write_sealed(
            manifest_path(directory, self.state.generation),
            {
                "generation": self.state.generation,
                "folders": dict(self.state.folders),
                "fingerprint": self.state.fingerprint,
                "cosine_scale": self.state.cosine_scale,
                "documents": dict(self.documents or {}),
                "segments": [list(entry) for entry in self.segments],
                "pending": [list(entry) for entry in self.pending],
            },
        )

    @classmethod
    def read(cls, directory: Path, generation: str) -> "Manifest":
        """Raises IndexDamagedError where it is missing or not what was written."""
        path = manifest_path(directory, generation)
        try:
            return cls.parse(path.read_bytes())
        except FileNotFoundError:
            raise IndexDamagedError(f"The search file {path.name} is missing.") from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise IndexDamagedError(f"The search file {path.name} cannot be read: {reason}.") from error
        except (SealError, KeyError, TypeError, ValueError) as error:
            raise IndexDamagedError(f"The search file {path.name} is damaged ({error}).") from error

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """The manifest in such a file. Raises SealError where it is not what was written."""
        values = unseal(data)
        if values is None:
            raise SealError("The manifest is not what was written.")
        folders, scale = folders_from(values["folders"]), scale_from(values.get("cosine_scale"))
        state = State(values["generation"], folders, values["fingerprint"], scale)
        segments, pending = values["segments"], values.get("pending", ())  # which earlier versions do not write
        return cls(state, _entries(segments), values["documents"], _entries(pending))


def _entries(named: Iterable[Iterable[str]]) -> tuple[Entry, ...]:
    return tuple(Entry(*names) for names in named)


def manifest_path(directory: Path, generation: str) -> Path:
    return directory / f"{generation}.json"


def newest_manifest(directory: Path) -> Manifest | None:
    """The last one written of those in the directory of generations that can be read."""
    files = [file for file in directory.glob("*.json") if NAME.fullmatch(file.name)] if directory.is_dir() else []
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        try:
            return Manifest.read(directory, file.stem)
        except IndexDamagedError:
            continue
    return None
