"""Questions that a language model is asked to write, their cost, and those that it wrote."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import SecretStr

from retrieval.endpoint_settings import CHAT_KEY, ENDPOINT, checked_url, key_in_environment, variable_of
from retrieval.errors import ConfigError
from retrieval.training.chat_model import PATH
from retrieval.training.pairs import Pair
from retrieval.types import digest

DEFAULT_PROMPT = """\
Below the line is a passage of a document. Write {count} questions that it answers: one on each line, and nothing else.

- They are what people type into a search box who do not know of the passage: never mention a passage, text or author.
- Each can be understood by itself: it names what it asks about.
- They are short and natural, and use other words than the passage where people would.
- Write them in the language of the passage.

---
{passage}"""

_PLACES = re.compile(r"\{(passage|count)\}")


@dataclass(frozen=True, slots=True)
class Generation:
    """Questions that a language model writes for passages of the index.

    model       the server's name for it
    url         the address without /chat/completions, such as http://localhost:11434/v1. No part of it may be a secret
    key         sent to that address, if it needs one; None is that in $RETRIEVAL_CHAT_API_KEY
    questions   how many to ask for in all
    each        how many to ask for of one passage
    prompt      {passage} stands for the passage, {count} for `each`
    max_tokens  the most tokens of an answer, with what the model thinks before it
    best        a question is trained on if hybrid search finds its passage among so many hits; 0 takes all
    prices      of a million tokens in, and out, in any currency; None tells no cost

    Raises ConfigError for values out of range.
    """

    model: str
    url: str = field(repr=False)  # what is not in repr() may be another where a training is resumed
    key: SecretStr | None = field(default=None, repr=False)
    questions: int = 600
    each: int = 2
    prompt: str = DEFAULT_PROMPT
    max_tokens: int = 1000
    best: int = 10
    prices: tuple[float, float] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            url = checked_url(self.url, example="http://localhost:11434/v1", key=variable_of(CHAT_KEY))
        except ValueError as error:
            raise ConfigError(f"The address of the language model: {error}.") from None
        object.__setattr__(self, "url", url.removesuffix(PATH))
        object.__setattr__(self, "model", self.model.strip().removeprefix(ENDPOINT))
        if self.key is None:
            object.__setattr__(self, "key", key_in_environment(CHAT_KEY))
        if not self.model:
            raise ConfigError("Name the language model that is to write questions.")
        if "{passage}" not in self.prompt:
            raise ConfigError("The prompt needs a place for the passage: {passage}. {count} is how many questions.")
        if min(self.questions, self.each, self.max_tokens) < 1 or self.best < 0:
            raise ConfigError("Ask for one question of a passage at least, in one token or more; `best` is 0 or more.")
        if self.prices is not None and not all(0 <= price < float("inf") for price in self.prices):
            raise ConfigError("The price of a million tokens is a number of 0 or more.")

    @property
    def host(self) -> str:
        """The host that the passages are sent to, with its port if that is given."""
        return urlsplit(self.url).netloc

    def prompt_for(self, passage: str) -> str:
        """The prompt for a passage."""
        said = {"passage": passage, "count": str(self.each)}
        return _PLACES.sub(lambda place: said[place[1]], self.prompt)

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """The cost in the currency of the prices; None without prices."""
        if self.prices is None:
            return None
        return (tokens_in * self.prices[0] + tokens_out * self.prices[1]) / 1e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is going to be sent to a server.

    host, model  where the texts of the passages go
    requests     how many, each with one passage
    kept         how many answers are kept already, and are not asked for again
    questions    how many these requests ask for
    tokens_in    about: the model's own tokenizer is not known. English has about a third fewer
    tokens_out   at most
    cost         about, at most, in the currency of the prices; None without prices
    """

    host: str
    model: str
    requests: int
    kept: int
    questions: int
    tokens_in: int
    tokens_out: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Generated:
    """Pairs of kind "generated", and what became of the others.

    train         of documents that are trained on
    development   of documents that are held out to stop early by
    unseen        of documents that are held out for a verdict
    passages      that were asked for
    dropped       how many passages, or questions, were left out, by why
    tokens_in, tokens_out   of all answers, as far as the server counts them
    cost          of these, in the currency of the prices; None without
    """

    train: tuple[Pair, ...] = ()
    development: tuple[Pair, ...] = ()
    unseen: tuple[Pair, ...] = ()
    passages: int = 0
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None

    @property
    def digest(self) -> str:
        """Of all questions and their passages."""
        pairs = (*self.train, *self.development, *self.unseen)
        return digest(*(said for pair in pairs for said in (pair.question, pair.passage)))

    def in_words(self) -> str:
        """How many there are, and how many were left out and why: a sentence."""
        left_out = "; ".join(f"{count:,} {why}" for why, count in sorted(self.dropped.items()))
        held = len(self.development) + len(self.unseen)
        return f"{len(self.train):,} to train on and {held:,} of held-out documents, for {self.passages:,} passages" + (
            f" (left out: {left_out})" if left_out else ""
        )


def counted_reasons(reasons: Counter[str]) -> Mapping[str, int]:
    """Those that there are."""
    return MappingProxyType({why: count for why, count in reasons.items() if count})
