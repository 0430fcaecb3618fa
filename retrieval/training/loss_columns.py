"""The columns of examples that each kind of loss reads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from retrieval.encoders.prompts import Prompts
from retrieval.training.examples import Example
from retrieval.training.pairs import WHOLE_DOCUMENT, Pair

Columns = dict[str, list[str] | list[float] | list[list[float]]]
"""Columns of one length, in the order in which sentence-transformers reads them. "label" holds numbers, the others
strings."""


def ranking(examples: Sequence[Example]) -> Columns:
    """Rows of one width: an example with fewer negatives than another gets answers to other questions, none of which
    answers its own."""
    width = max((len(example.negatives) for example in examples), default=0)
    answers: dict[str, set[tuple[str, str]]] = {}
    for example in examples:
        answers.setdefault(example.pair.question, set()).update(_answered_by(example.pair))
    rows = [
        [
            *(negative.passage for negative in example.negatives),
            *islice(_answers_to_others(examples, place, answers), width - len(example.negatives)),
        ]
        for place, example in enumerate(examples)
    ]
    columns: Columns = {
        "anchor": [example.pair.question for example in examples],
        "positive": [example.pair.passage for example in examples],
    }
    width = min(map(len, rows), default=0)  # less where the other passages of the examples may all answer a question
    return columns | {f"negative_{number + 1}": [row[number] for row in rows] for number in range(width)}


def _answers_to_others(
    examples: Sequence[Example], place: int, answers: Mapping[str, set[tuple[str, str]]]
) -> Iterator[str]:
    """Passages of the following pairs that do not answer the question of the example at `place`."""
    own = answers[examples[place].pair.question]
    for step in range(1, len(examples)):
        pair = examples[(place + step) % len(examples)].pair
        if own.isdisjoint(_parts(pair)):
            yield pair.passage


def _parts(pair: Pair) -> set[tuple[str, str]]:
    """The passage of a pair, its chunk and its document, as far as they are known."""
    parts = {"passage": pair.passage, "chunk": pair.chunk, "source": pair.source}
    return {(part, name) for part, name in parts.items() if name}


def _answered_by(pair: Pair) -> set[tuple[str, str]]:
    """Those of its parts that answer its question."""
    return _parts(pair) if pair.kind in WHOLE_DOCUMENT else _parts(pair) - {("source", pair.source)}


def triplets(examples: Iterable[Example], *, with_margins: bool) -> Columns:
    """A row for each negative; its label, if asked for, is the answer's hybrid score minus the negative's."""
    rows = [
        (example.pair.question, example.pair.passage, negative.passage, (example.score or 0.0) - negative.score)
        for example in examples
        for negative in example.negatives
        if example.score is not None or not with_margins
    ]
    columns: Columns = {
        "anchor": [row[0] for row in rows],
        "positive": [row[1] for row in rows],
        "negative": [row[2] for row in rows],
    }
    return columns | {"label": [row[3] for row in rows]} if with_margins else columns


def labelled(examples: Iterable[Example]) -> Columns:
    """A pair has as many rows as it has negatives, so that answers weigh as much as negatives."""
    rows: list[tuple[str, str, float]] = []
    for example in examples:
        for negative in example.negatives:
            rows.append((example.pair.question, example.pair.passage, 1.0))
            rows.append((example.pair.question, negative.passage, 0.0))
    return {"anchor": [row[0] for row in rows], "passage": [row[1] for row in rows], "label": [row[2] for row in rows]}


def distribution(examples: Iterable[Example]) -> Columns:
    """An answer and its negatives in each row. The rows have the width that leaves out the fewest negatives."""
    scored = [example for example in examples if example.negatives and example.score is not None]
    widths = Counter(len(example.negatives) for example in scored)
    kept = {width: width * sum(count for each, count in widths.items() if each >= width) for width in widths}
    width = max(kept, key=lambda each: (kept[each], each), default=0)
    wide = [example for example in scored if len(example.negatives) >= width]
    columns: Columns = {
        "anchor": [example.pair.question for example in wide],
        "positive": [example.pair.passage for example in wide],
    }
    for number in range(width):
        columns[f"negative_{number + 1}"] = [example.negatives[number].passage for example in wide]
    columns["label"] = [
        [example.score or 0.0, *(negative.score for negative in example.negatives[:width])] for example in wide
    ]
    return columns


def prefixed(columns: Columns, prompts: Prompts) -> Columns:
    """The columns with the prefix of questions or passages before each text."""
    found: Columns = {}
    for name, values in columns.items():
        if name == "label":
            found[name] = values
        else:
            texts = [value for value in values if isinstance(value, str)]
            found[name] = prompts.as_queries(texts) if name == "anchor" else prompts.as_passages(texts)
    return found
