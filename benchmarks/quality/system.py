"""What the benchmark asks of each system, and what all of them are given alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

Ranking = list[tuple[str, float]]
"""Document ids with scores, best first."""

PREFIXES = ("query: ", "passage: ")
"""What our own defaults put before questions and documents."""

DENSE = 0.6
"""The weight of the dense side in our own defaults; settings called "dense .6" give it to a peer."""


class Document(NamedTuple):
    """A document, whole: each system is given the same string, the title and the text below it."""

    id: str
    title: str | None
    text: str

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.text}" if self.title else self.text


class System(Protocol):
    """A hybrid index, empty when made and with its model loaded, so that neither is part of what is timed.

    settings   ways to search what is indexed; the first is what one gets without asking
    """

    settings: Sequence[str]

    def index(self, documents: Sequence[Document]) -> None: ...

    def search(self, query: str, k: int, *, setting: str) -> Ranking: ...


class Maker(Protocol):
    """Makes a system: `model` is a sentence-transformers directory, `scratch` an empty one, `k` how deep both sides
    of all searches go."""

    def __call__(self, variant: str, *, model: str, scratch: Path, k: int) -> System: ...


class Adapter(NamedTuple):
    """How a system is made.

    packages   whose versions tell which one it is
    variants   ways to index; the first is what one gets without asking
    """

    make: Maker
    packages: Sequence[str]
    variants: Sequence[str] = ("default",)
