"""A picture of a comparison: how well each model answers, and what that costs in speed."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import ConfigError
from retrieval.evaluation.plot import STYLE, check_plot, save
from retrieval.model_comparison.comparison import MODES, Comparison
from retrieval.model_comparison.trial import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"hybrid": "#0072B2", "dense": "#E69F00"}  # Okabe & Ito 2008
_LONGEST_NAME = 28


def plot_comparison(path: Path, comparison: Comparison) -> None:
    """Write the picture in the format of the file's suffix; the same figures give the same file. Raises ConfigError as
    `check_plot`, and without questions, where there is no quality to draw."""
    check_plot(path)
    if not comparison.quality:
        raise ConfigError("There is nothing to draw without questions; give some (--queries, --qrels).")
    from matplotlib import rc_context

    with rc_context(STYLE):
        save(drawn(comparison), path)


def drawn(comparison: Comparison) -> "Figure":
    """The picture that `plot_comparison` writes."""
    from matplotlib.figure import Figure

    height = 1.8 + 0.55 * len(comparison.quality)
    figure = Figure(figsize=(11, max(3.6, height)), layout="constrained", dpi=150)
    title = f"{comparison.name}: {comparison.questions:,} {comparison.kind} questions"
    figure.suptitle(title, fontsize=11, fontweight="bold", parse_math=False)
    quality, speed = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_quality(quality, comparison)
    _draw_speed(speed, comparison)
    return figure


def _draw_quality(axes: "Axes", comparison: Comparison) -> None:
    """The first measure of each model in each mode, with its interval."""
    labels = list(comparison.quality)
    for number, mode in enumerate(MODES):
        estimates = [comparison.quality[label][mode][MEASURES[0]] for label in labels]
        means = np.array([estimate.mean for estimate in estimates])
        bounds = np.array([estimate.interval for estimate in estimates]).T
        places = np.arange(len(labels)) + 0.3 * number - 0.15
        reach = np.maximum(abs(bounds - means), 0)
        axes.errorbar(means, places, xerr=reach, fmt="o", capsize=3, color=_COLOURS[mode], label=mode)
        for mean, place in zip(means, places, strict=True):
            axes.annotate(f"{mean:.3f}", (mean, place), (0, 5), textcoords="offset points", ha="center", fontsize=7)
    axes.set_yticks(np.arange(len(labels)), [_short(label) for label in labels], parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(f"{MEASURES[0]}, 95% interval")
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _draw_speed(axes: "Axes", comparison: Comparison) -> None:
    """Hybrid quality by tokens embedded a second; the recommended model is filled."""
    recommended = comparison.recommendation.label if comparison.recommendation is not None else ""
    for label, quality in comparison.quality.items():
        speed, (mean, (low, high)) = comparison.trials[label].tokens_per_second, quality["hybrid"][MEASURES[0]]
        axes.vlines(speed, low, high, color="#999999", linewidth=0.8)
        face = _COLOURS["hybrid"] if label == recommended else "white"
        axes.scatter(speed, mean, s=50, zorder=3, facecolor=face, edgecolor=_COLOURS["hybrid"])
        axes.annotate(_short(label), (speed, mean), (5, 5), textcoords="offset points", fontsize=7,
                      parse_math=False)  # fmt: skip
    axes.margins(0.35, 0.1)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("tokens embedded a second here")
    axes.set_ylabel(f"hybrid {MEASURES[0]}, 95% interval")
    axes.set_title("filled: recommended", fontsize=8)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_NAME else f"…{label[1 - _LONGEST_NAME :]}"
