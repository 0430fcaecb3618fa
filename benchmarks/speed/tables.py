"""Rounds of figures -> medians, and rows -> Markdown."""

import statistics
from collections.abc import Iterable, Sequence


def median_ratio(figures: Sequence[float], others: Sequence[float]) -> float:
    """The median of what each round's figure is of the other's: what else the machine did then slowed both."""
    return statistics.median(figure / other for figure, other in zip(figures, others, strict=True))


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
