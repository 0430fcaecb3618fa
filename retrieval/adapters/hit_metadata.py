"""What a framework's document says of a hit beside its text: the same names, whichever the framework."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from retrieval.search_hits import Duplicate, SearchHit, SearchHits

_ELSEWHERE = {"id", "text", "metadata", "highlights"}
_KEPT = [field.name for field in fields(SearchHit) if field.name not in _ELSEWHERE]


_CORRECTIONS = "corrections"


def metadata_of(hit: SearchHit, hits: SearchHits) -> dict[str, Any]:
    """The document's own metadata, and over it the hit's fields and its citation, and what was searched for in another
    spelling, if anything; JSON can hold all of it.

    hits   those that it is one of
    """
    own = {name: getattr(hit, name) for name in _KEPT}
    duplicates = [asdict(duplicate) for duplicate in hit.duplicates]
    corrections = {_CORRECTIONS: [asdict(correction) for correction in hits.corrections]} if hits.corrections else {}
    return {
        **hit.metadata,
        **own,
        **corrections,
        "headings": list(hit.headings),
        "duplicates": duplicates,
        "citation": hit.citation(),
    }


def hit_from(chunk_id: str, text: str, metadata: Mapping[str, Any]) -> SearchHit:
    """The hit that `metadata_of` told of, without its highlights. Raises KeyError where it is not all there."""
    kept = {name: metadata[name] for name in _KEPT}
    added = {*kept, "citation", _CORRECTIONS}
    own = {name: value for name, value in metadata.items() if name not in added}
    kept["headings"] = tuple(kept["headings"])
    kept["duplicates"] = tuple(Duplicate(**duplicate) for duplicate in kept["duplicates"])
    return SearchHit(id=chunk_id, text=text, metadata=own, highlights=(), **kept)
