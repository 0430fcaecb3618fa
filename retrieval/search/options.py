"""How a search can be asked for, and what makes sense."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from retrieval.config import Feedback, FusionMethod, Mode
from retrieval.errors import QueryError
from retrieval.types import Reranker

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

DocumentScore = Literal["max", "mean"]


class SearchKeywords(TypedDict, total=False):
    """The keyword arguments of HybridIndex.search."""

    mode: Mode
    fusion: FusionMethod | None
    alpha: float | None
    rrf_k: int
    candidates: int
    feedback: Feedback | None
    where: Mapping[str, Any] | None
    where_document: Mapping[str, Any] | None
    operators: bool | None
    rerank: "str | Reranker | CrossEncoder | None"
    mmr_lambda: float | None
    expand: int | Literal["section"]
    group_by_document: bool
    document_score: DocumentScore
    min_score: float | None
    highlight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How to search; `HybridIndex.search` explains each. Raises QueryError for values that make no sense."""

    top_k: int
    fusion: FusionMethod
    alpha: float
    mode: Mode = "hybrid"
    rrf_k: int = 60
    candidates: int = 100
    feedback: Feedback = "none"
    where: Mapping[str, Any] | None = None
    where_document: Mapping[str, Any] | None = None
    operators: bool | None = None
    mmr_lambda: float | None = None
    expand: int | Literal["section"] = 0
    group_by_document: bool = False
    document_score: DocumentScore = "max"
    min_score: float | None = None
    highlight: bool = True

    def __post_init__(self) -> None:
        for name, choices in (
            ("mode", ("hybrid", "dense", "lexical")),
            ("fusion", ("dbsf", "rrf", "convex")),
            ("feedback", ("none", "dense", "lexical", "both")),
            ("document_score", ("max", "mean")),
        ):
            if getattr(self, name) not in choices:
                raise QueryError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(choices)}.")
        for name, least in (("top_k", 1), ("candidates", 1), ("rrf_k", 1), ("expand", 0)):
            value = getattr(self, name)
            if name == "expand" and value == "section":
                continue
            if not isinstance(value, int | np.integer) or value < least:
                or_else = ' or "section"' if name == "expand" else ""
                raise QueryError(f"{name} is {value!r}; it must be a whole number of at least {least}{or_else}.")
        for name, low, high in (("alpha", 0, 1), ("mmr_lambda", 0, 1), ("min_score", -np.inf, np.inf)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float | np.number) and low <= value <= high):
                raise QueryError(f"{name} is {value!r}; it must be a number between {low} and {high}.")
        if not isinstance(self.operators, bool | None):
            raise QueryError(f"operators is {self.operators!r}; it must be True, False or None.")
        if self.document_score != "max" and not self.group_by_document:
            raise QueryError("document_score says how documents are ranked; it needs group_by_document.")

    @property
    def depth(self) -> int:
        """How many candidates each side brings."""
        return max(self.candidates, self.top_k)

    @property
    def sides(self) -> Mode:
        """The mode that is meant: all the weight on one side is that side alone."""
        if self.mode == "hybrid" and self.alpha in (0, 1):
            return "dense" if self.alpha == 1 else "lexical"
        return self.mode
