"""Rounds of figures -> medians, and rows -> Markdown."""

import statistics
from collections.abc import Iterable, Mapping, Sequence


def median_ratio(figures: Sequence[float], others: Sequence[float]) -> float:
    """The median of what each round's figure is of the other's: what else the machine did then slowed both."""
    return statistics.median(figure / other for figure, other in zip(figures, others, strict=True))


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def as_measured(title: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """A row for each name, and a column for each figure that any of them has."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells = ([key, *(f"{row[name]:.4g}" if name in row else "" for name in names)] for key, row in rows.items())
    return markdown([title, *names], cells)
