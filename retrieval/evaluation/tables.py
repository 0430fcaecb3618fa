"""Evaluations and tunings as a person or a program reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from retrieval.evaluation.learned_tuning import Learned
from retrieval.evaluation.measures import Figures
from retrieval.evaluation.settings_grid import Settings
from retrieval.evaluation.significance import RESAMPLES, Comparison
from retrieval.evaluation.tuning import Tuning

_FEW = 50
"""Queries below which the bootstrap's interval is narrower than it should be: it knows only what it has seen."""

Comparisons = Mapping[str, Sequence[Comparison]]
"""The other run's name -> the hybrid run's comparison with it, by measure."""


def figures_table(figures: Mapping[str, Figures], *, title: str) -> Table:
    """The means, a row for each run."""
    table = Table("", title=title)
    for measure in next(iter(figures.values())).means:
        table.add_column(measure, justify="right")
    for name, values in figures.items():
        table.add_row(name, *(f"{mean:.3f}" for mean in values.means.values()))
    return table


def comparisons_table(comparisons: Comparisons) -> Table:
    """What the hybrid run gains over each other one, and on how many queries."""
    test = next(iter(comparisons.values()))[0].test
    how = {"randomisation": f"paired randomisation test, {RESAMPLES:,} resamples", "t": "paired t-test"}[test]
    table = Table("hybrid minus", "", caption=f"p: {how}; queries better, equal and worse")
    for name in ("difference", "p", "better", "equal", "worse"):
        table.add_column(name, justify="right")
    for name, compared in comparisons.items():
        for at, one in enumerate(compared):
            chance = _chance(one.p_value)
            counts = f"{one.wins}", f"{one.ties}", f"{one.losses}"
            table.add_row("" if at else name, one.measure, f"{one.difference:+.3f}", chance, *counts)
        table.add_section()
    return table


def folds_table(tuning: Tuning, *, title: str) -> Table:
    """What was chosen for each fold, and how well that and the present settings do on it."""
    table = Table("fold", title=title)
    table.add_column("queries", justify="right")
    table.add_column("chosen on the others")
    table.add_column("present", justify="right")
    table.add_column("chosen", justify="right")
    for number, fold in enumerate(tuning.folds, start=1):
        means = f"{fold.present_mean:.4f}", f"{fold.chosen_mean:.4f}"
        table.add_row(f"{number}", f"{fold.queries}", f"{fold.chosen}", *means)
    table.add_section()
    table.add_row("all", f"{tuning.queries}", "", f"{tuning.present_mean:.4f}", f"{tuning.fold_mean:.4f}")
    return table


def tuning_in_words(tuning: Tuning) -> str:
    low, high = tuning.interval
    if tuning.is_distinguishable:
        verdict = "distinguishable from zero"
    else:
        verdict = "worse than leaving them alone" if high < 0 else "not distinguishable from zero"
    if tuning.queries < _FEW:
        verdict += f", but {tuning.queries} queries are little to go by"
    return (
        f"Present settings: {tuning.present}.\n"
        f"Gain of tuned settings on queries that took no part in choosing them: {tuning.gain:+.4f}, "
        f"95% interval [{low:+.4f}, {high:+.4f}]: {verdict}.\n"
        f"Best of {tuning.tried} settings on all queries: {tuning.best}, {tuning.best_mean:.4f}.\n"
        f"{learned_in_words(tuning)}\n"
        f"Recommended: {tuning.recommended}" + (", the present ones." if tuning.keeps_present else ".")
    )


def learned_in_words(tuning: Tuning) -> str:
    """One sentence: how good a fusion fitted to the queries is, and whether it is recommended."""
    learned = tuning.learned
    if learned is None:
        return "Learned fusion: not recommended, as no feature distinguishes the relevant passages from the others."
    verdict = "significantly better than both" if learned.is_better else "not recommended: not significantly better"
    if learned.is_better and tuning.queries < _FEW:
        verdict += f", but {tuning.queries} queries are little to go by"
    return (
        f"Learned fusion, on queries that took no part in fitting it: {learned.mean:.4f}, the present settings "
        f"{tuning.present_mean:.4f} (p {_chance(learned.p_over_present)}) and the tuned ones {tuning.fold_mean:.4f} "
        f"(p {_chance(learned.p_over_tuned)}); {verdict}."
    )


def _chance(p_value: float) -> str:
    return "< .001" if p_value < 0.001 else f"{p_value:.3f}"


def evaluation_as_dict(figures: Mapping[str, Figures], comparisons: Comparisons) -> dict[str, Any]:
    """For JSON."""
    return {
        "means": {name: dict(values.means) for name, values in figures.items()},
        "comparisons": [
            {"run": "hybrid", "against": name, **asdict(comparison)}
            for name, compared in comparisons.items()
            for comparison in compared
        ],
        "per_query": {
            name: {measure: dict(per_query) for measure, per_query in values.values.items()}
            for name, values in figures.items()
        },
    }


def tuning_as_dict(tuning: Tuning) -> dict[str, Any]:
    """For JSON: settings and the interval become objects."""
    return {
        **asdict(tuning),
        "interval": tuning.interval._asdict(),
        "is_distinguishable": tuning.is_distinguishable,
        "folds": [{**asdict(fold), "chosen": _settings(fold.chosen)} for fold in tuning.folds],
        **{name: _settings(getattr(tuning, name)) for name in ("present", "best", "recommended")},
        "learned": None if tuning.learned is None else _learned(tuning.learned),
    }


def _learned(learned: Learned) -> dict[str, Any]:
    weights = learned.weights.model_dump(mode="json")
    figures = {name: value for name, value in asdict(learned).items() if name not in {"settings", "weights"}}
    return {"settings": _settings(learned.settings), "weights": weights, **figures, "is_better": learned.is_better}


def _settings(settings: Settings) -> dict[str, Any]:
    return settings._asdict()
