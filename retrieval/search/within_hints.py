"""Why `within` finds nothing: no source begins so. And which folders may have been meant."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import accumulate, chain, islice

from retrieval.search.hint_texts import LONGEST, shown
from retrieval.search.within import within
from retrieval.segments.reader import IndexReader

_NEAREST = 3
"""Names that are alike."""

_SOURCES = 20_000
_FOLDERS = 2_000
"""Looked through for one that is like a prefix."""


def prefix_hint(reader: IndexReader, prefix: str) -> str | None:
    """None where a source begins so."""
    mask = within(reader, prefix)
    if mask is None or mask.any():
        return None
    folders = _folders(_sources(reader))
    near = _ending(prefix, folders) or get_close_matches(prefix[:LONGEST], folders[:_FOLDERS], n=_NEAREST, cutoff=0.6)
    if near:
        return f"within: no source begins with {shown(prefix)}; the nearest: {', '.join(map(shown, near))}"
    tops = [folder for folder in folders if folder.count("/") == 1][:_NEAREST]
    there = f"; they begin with {', '.join(map(shown, tops))}" if tops else ""
    return f"within: no source begins with {shown(prefix)}{there}"


def folders_called(reader: IndexReader, name: str) -> list[str]:
    """The folders of that name or path, as `within` takes them; _NEAREST at most."""
    inner = f"{name.strip('/').lower()}/"
    return _ending(name, _folders(source for source in _sources(reader) if inner in source.lower())) if name else []


def _ending(name: str, folders: Sequence[str]) -> list[str]:
    end = f"/{name.strip('/').lower()}"
    return [folder for folder in folders if f"/{folder}".lower().rstrip("/").endswith(end)][:_NEAREST]


def _folders(sources: Iterable[str]) -> list[str]:
    """Those that sources lie in, sorted, with "/" at the end of each."""
    found: set[str] = set()
    for source in sources:
        found.update(accumulate(f"{part}/" for part in source.split("/")[:-1]))
    return sorted(found)


def _sources(reader: IndexReader) -> Iterator[str]:
    return islice(chain.from_iterable(part.sources() for part in reader.live), _SOURCES)
