"""What is true of a shared index as a whole, as of one generation: one note, whose writing makes the generation."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from retrieval.chroma.rows import folders_from, scale_from
from retrieval.chroma.store import State
from retrieval.shared_store.notes import Notes
from retrieval.types import CosineScale, SyncedFolder

_NAME = "state"


@dataclass(frozen=True)
class SharedState:
    """generation   its number; 0 before the first
    folders, fingerprint, cosine_scale   as in chroma.store.State
    documents    folder -> how many documents are its own
    size, length, tokens   of all passages: how many, their terms together, and the tokens of their embedded strings
    languages    how many passages were analysed in each
    dead         the generations whose dead rows may still be there
    base         the generation that all counts of terms were last written in; 0 for none
    buckets      how many notes those are in
    deltas       the generations since then that have changes of counts, and
    changes      how many these are; and
    terms        how many terms the base has
    words        the names of the notes that have all words
    bm25         the parameters that rows are weighed with
    weighed      the lowest and the highest average length that rows were weighed with
    """

    generation: int = 0
    folders: Mapping[str, SyncedFolder] = field(default_factory=dict)
    fingerprint: str = ""
    cosine_scale: CosineScale | None = None
    documents: Mapping[str, int] = field(default_factory=dict)
    size: int = 0
    length: int = 0
    tokens: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    dead: tuple[int, ...] = ()
    base: int = 0
    buckets: int = 0
    deltas: tuple[int, ...] = ()
    changes: int = 0
    terms: int = 0
    words: tuple[str, ...] = ()
    bm25: Mapping[str, Any] = field(default_factory=dict)
    weighed: tuple[float, float] = (0.0, 0.0)

    @property
    def average_length(self) -> float:
        """0 without passages."""
        return self.length / self.size if self.size else 0.0

    @property
    def name(self) -> str:
        """The generation's, as searches show it; "" before the first."""
        return str(self.generation) if self.generation else ""

    def as_stored(self) -> State:
        """What a reader of any store has."""
        return State(self.name, self.folders, self.fingerprint, self.cosine_scale)


def read_state(notes: Notes) -> SharedState:
    """The newest; an empty one where there is none."""
    found = notes.read([_NAME])[_NAME]
    if not found:
        return SharedState()
    values = json.loads(found[max(found)])
    tuples = {name: tuple(values[name]) for name in ("dead", "deltas", "words", "weighed")}
    return SharedState(
        **{
            **values,
            **tuples,
            "folders": folders_from(values["folders"]),
            "cosine_scale": scale_from(values["cosine_scale"]),
        }
    )


def write_state(notes: Notes, state: SharedState) -> None:
    """Make `state.generation` the newest."""
    values = asdict(replace(state, folders={}, cosine_scale=None))
    values |= {"folders": dict(state.folders), "cosine_scale": state.cosine_scale}
    notes.put(_NAME, state.generation, json.dumps(values))


def old_states(notes: Notes, *, before: int) -> list[str]:
    """The keys of the states of earlier generations."""
    return [key for key in notes.keys([_NAME]) if int(key.split(":")[1]) < before]
