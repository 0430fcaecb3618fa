"""The options of a search: names, types, defaults, limits and help, declared once, as the fields of SearchOptions.

The doors derive theirs from OPTIONS: Python, HTTP, LangChain, LlamaIndex, Haystack and the command line; MCP has a few.
A type checker cannot derive the keyword arguments of HybridIndex.search, so SearchKeywords spells those out, and a test
holds them equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from math import inf
from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Union, get_args, get_origin

import numpy as np

from retrieval.config import Config, Feedback, FusionMethod, Mode
from retrieval.errors import QueryError
from retrieval.search_hits import LIKELY
from retrieval.types import Reranker

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

DocumentScore = Literal["max", "mean"]


class SearchKeywords(TypedDict, total=False):
    """The keyword arguments of HybridIndex.search. None stands for the default."""

    mode: Mode
    fusion: FusionMethod | None
    alpha: float | None
    rrf_k: int
    candidates: int
    smoothing: float | None
    feedback: Feedback | None
    where: Mapping[str, Any] | None
    where_document: Mapping[str, Any] | None
    within: str | Sequence[str] | None
    operators: bool | Literal["required"] | None
    correct_spelling: bool
    rerank: "str | Reranker | CrossEncoder | None"
    mmr_lambda: float | None
    expand: int | Literal["section"]
    collapse: bool
    group_by_document: bool
    document_score: DocumentScore
    min_score: float | None
    min_relevance: float | None
    highlight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, as the doors derive theirs.

    types           what a value may be: classes, Literals, generic types; NoneType among them where None is allowed
    default         None also where the configuration has it
    help            one line
    least, most     limits of a number; infinite where there are none
    if_none         what None means, if that is not just "no"
    is_configured   whether the default is the configuration's
    """

    name: str
    types: tuple[Any, ...]
    default: Any
    help: str
    least: float
    most: float
    if_none: str
    is_configured: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it may be."""
        return tuple(word for type_ in self.types if get_origin(type_) is Literal for word in get_args(type_))

    def check(self, value: object) -> None:
        """Raises QueryError for a value that makes no sense. Filters are checked where they are compiled."""
        if value is None and NoneType in self.types:
            return
        if isinstance(value, str) and value in self.words:
            return
        if int in self.types:
            or_else = "".join(f' or "{word}"' for word in self.words)
            wanted = f"a whole number of at least {self.least}{or_else}"
            fits = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= self.least
        elif float in self.types:
            wanted = f"a number between {self.least} and {self.most}"
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            fits = is_number and self.least <= value <= self.most  # type: ignore[operator]
        elif bool in self.types:
            allowed = ["True", "False", *(f'"{word}"' for word in self.words), *["None"][: NoneType in self.types]]
            wanted = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
            fits = isinstance(value, bool | np.bool_)
        elif self.words:
            wanted, fits = f"one of {', '.join(self.words)}", False
        elif self.name == "within":
            wanted, fits = 'the beginning of sources, such as "docs/guide/", or a list of such', _are_prefixes(value)
        else:
            return
        if not fits:
            raise QueryError(f"{self.name} is {value!r}; it must be {wanted}.")


def _are_prefixes(value: object) -> bool:
    """Neither nothing nor "" is one: whether that should let all sources through, or none, nobody could tell."""
    prefixes = [value] if isinstance(value, str) else value
    return (
        isinstance(prefixes, Sequence)
        and len(prefixes) > 0
        and all(isinstance(prefix, str) and prefix for prefix in prefixes)
    )


def _types(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, str):  # one that only a type checker can resolve: the reranker's
        return (object, NoneType)
    return get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)


def _about(
    description: str, *, least: float = -inf, most: float = inf, if_none: str = "", is_configured: bool = False
) -> Mapping[str, Any]:
    """What a field of SearchOptions says of itself beyond its type and default, as in Option."""
    return {
        "help": description,
        "least": least,
        "most": most,
        "if_none": "as configured" if is_configured else if_none,
        "is_configured": is_configured,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How to search. Raises QueryError for values that make no sense."""

    top_k: int = field(default=10, metadata=_about("Hits at most.", least=1))
    mode: Mode = field(
        default="hybrid",
        metadata=_about("Which sides answer: hybrid, dense (by meaning) or lexical (by words, no model)."),
    )
    fusion: FusionMethod = field(
        metadata=_about("How both sides' scores become one: dbsf, rrf, convex or learned.", is_configured=True)
    )
    alpha: float = field(metadata=_about("Weight of the dense side, 0 to 1.", least=0, most=1, is_configured=True))
    rrf_k: int = field(default=60, metadata=_about("With fusion rrf: its constant; more evens the ranks out.", least=1))
    candidates: int = field(default=100, metadata=_about("Chunks that each side brings to the fusion.", least=1))
    smoothing: float = field(
        metadata=_about(
            "With both sides: how far a score moves towards those of the passages most like it, 0 to 1.",
            least=0,
            most=1,
            is_configured=True,
        )
    )
    feedback: Feedback = field(
        metadata=_about(
            "Ask again with what the first answers have in common: none, dense, lexical or both.", is_configured=True
        )
    )
    where: Mapping[str, Any] | None = field(
        default=None, metadata=_about('Metadata filter of Chroma, as JSON: {"source": "docs/rain.md"}.')
    )
    where_document: Mapping[str, Any] | None = field(
        default=None, metadata=_about('Text filter of Chroma, as JSON: {"$contains": "rain"}.')
    )
    within: str | Sequence[str] | None = field(
        default=None, metadata=_about("Only documents whose source begins so: docs/guide/. May be several.")
    )
    operators: bool | Literal["required"] | None = field(
        default=None,
        metadata=_about(
            'Read "phrase", +must, -"phrase" and -not in the query.',
            if_none="all but -not, which commands have too, and none in a sentence",
        ),
    )
    correct_spelling: bool = field(
        default=True, metadata=_about("Try words that no passage has in their nearest spelling.")
    )
    rerank: "str | Reranker | CrossEncoder | None" = field(
        default=None, metadata=_about("Cross-encoder that rescores the candidates: name, directory, URL or URL#MODEL.")
    )
    mmr_lambda: float | None = field(
        default=None,
        metadata=_about("Spread the hits out: 1 is relevance alone, 0 diversity alone.", least=0, most=1),
    )
    expand: int | Literal["section"] = field(
        default=0,
        metadata=_about("Neighbouring chunks to show around a hit, or `section`: all under its headings.", least=0),
    )
    collapse: bool = field(
        default=True, metadata=_about("One hit for passages with the same text, which names the others.")
    )
    group_by_document: bool = field(default=False, metadata=_about("One hit per document."))
    document_score: DocumentScore = field(
        default="max", metadata=_about("With one hit per document, what ranks it: max (its best chunk) or mean.")
    )
    min_score: float | None = field(default=None, metadata=_about("Leave out hits with a lower score."))
    min_relevance: float | None = field(
        default=None,
        metadata=_about(
            f"Leave out passages that less likely have to do with what is asked, 0 to 1; {LIKELY} is likely.",
            least=0,
            most=1,
        ),
    )
    highlight: bool = field(default=True, metadata=_about("Mark the words that match."))

    @classmethod
    def of(cls, config: Config, top_k: int, options: SearchKeywords) -> Self:
        """The keyword arguments of a search, completed from the configuration and the defaults. None stands for either.

        Raises TypeError for a name that is no option, QueryError for a value that makes no sense.
        """
        unknown = options.keys() - OPTIONS.keys()
        if unknown:
            raise TypeError(f"search() got an unexpected keyword argument {min(unknown)!r}")
        configured = {name: getattr(config, name) for name, option in OPTIONS.items() if option.is_configured}
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        chosen = cls(top_k=top_k, **{**configured, **given})
        if chosen.fusion == "learned" and config.fusion_weights is None:
            raise QueryError(
                'fusion is "learned"; it needs a configuration with fusion_weights, as `retrieve tune --output` writes.'
            )
        return chosen

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            option.check(getattr(self, name))
        if self.document_score != "max" and not self.group_by_document:
            raise QueryError("document_score says how documents are ranked; it needs group_by_document.")

    @property
    def depth(self) -> int:
        """How many candidates each side brings."""
        return max(self.candidates, self.top_k)

    @property
    def sides(self) -> Mode:
        """The sides that take part: with all the weight on one side, that side alone."""
        if self.mode == "hybrid" and self.alpha in (0, 1):
            return "dense" if self.alpha == 1 else "lexical"
        return self.mode


def _option_of(declared: "Field[Any]") -> Option:
    is_configured = declared.metadata["is_configured"]
    return Option(
        name=declared.name,
        types=(*_types(declared.type), *([NoneType] if is_configured else [])),
        default=None if is_configured else declared.default,
        **declared.metadata,
    )


OPTIONS: Mapping[str, Option] = MappingProxyType({each.name: _option_of(each) for each in fields(SearchOptions)})
"""By name, `top_k` first."""
