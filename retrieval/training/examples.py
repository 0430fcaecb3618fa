"""Examples, which a model is trained on: pairs with their hard negatives; and the file that holds them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from retrieval.errors import ConfigError
from retrieval.evaluation.lines import read_lines
from retrieval.training.pairs import Pair

Source = Literal["bm25", "dense", "document"]


@dataclass(frozen=True, slots=True)
class Negative:
    """A hard negative: a passage that does not answer the question of its pair.

    source   what found it
    chunk    the id of its chunk
    score    the hybrid score of question and passage, comparable with the other scores of the question
    """

    source: Source
    passage: str
    chunk: str
    score: float


@dataclass(frozen=True, slots=True)
class Example:
    """A pair, its hard negatives, and the hybrid score of its passage; None where the index does not have it."""

    pair: Pair
    negatives: tuple[Negative, ...] = ()
    score: float | None = None


def counts_of_negatives(examples: Iterable[Example]) -> dict[Source, int]:
    """How many negatives each source gave, in the order of the sources."""
    found = dict.fromkeys(get_args(Source), 0)
    for example in examples:
        for negative in example.negatives:
            found[negative.source] += 1
    return found


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """One example a line, as JSON: pair, negatives and scores, without the embedding model's prefixes. Raises
    OSError."""
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(asdict(example), ensure_ascii=False) + "\n")


def read_examples(path: Path) -> list[Example]:
    """The examples that `write_examples` wrote. Raises ConfigError, which names file, line and cause."""
    examples = []
    for where, line in read_lines(path):
        try:
            entry = json.loads(line)
            negatives = tuple(Negative(**negative) for negative in entry["negatives"])
            examples.append(Example(Pair(**entry["pair"]), negatives, entry["score"]))
        except (ValueError, TypeError, LookupError) as error:
            raise ConfigError(f"{where}: not an example as `retrieve train` writes them: {error}.") from error
    return examples
