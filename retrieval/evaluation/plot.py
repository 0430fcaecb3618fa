"""A picture of an evaluation: how good each mode is, and which queries fusion helps and hurts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import ConfigError
from retrieval.evaluation.measures import Figures, missing_extra
from retrieval.evaluation.significance import paired_differences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")

# Okabe & Ito 2008, "Color Universal Design": told apart with every kind of colour vision, and by lightness.
_COLOURS = ("#56B4E9", "#E69F00", "#0072B2", "#999999")
_GAIN, _LOSS = "#009E73", "#D55E00"

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # words stay words, to be found and copied
    "svg.hashsalt": "hybrid-retrieval",  # the same picture has the same bytes
}


def check_plot(path: Path) -> None:
    """Raises ConfigError where a picture cannot be drawn in the format of the file's suffix, or not at all."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path}: a picture is written as {', '.join(FORMATS)}; name the file so.")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib") from error


def plot(path: Path, figures: Mapping[str, Figures], *, title: str) -> None:
    """Write the picture in the format of the file's suffix; the same figures give the same file.

    figures   run's name -> its figures. "hybrid", where it is there together with others, is compared with the best of
              those, query by query, in the first measure.

    Raises ConfigError as `check_plot`.
    """
    check_plot(path)
    from matplotlib import rc_context

    with rc_context(STYLE):
        save(drawn(figures, title=title), path)


def drawn(figures: Mapping[str, Figures], *, title: str) -> "Figure":
    """The picture that `plot` writes."""
    from matplotlib.figure import Figure

    sides = {name: values for name, values in figures.items() if name in ("lexical", "dense")}
    compares = "hybrid" in figures and bool(sides)
    figure = Figure(figsize=(11, 4.2) if compares else (6, 4.2), layout="constrained", dpi=150)
    figure.suptitle(title, fontsize=11, fontweight="bold", parse_math=False)
    panels = figure.subplots(1, 2 if compares else 1, squeeze=False)[0]
    _bars(panels[0], figures)
    if compares:
        measure = next(iter(figures["hybrid"].means))
        best = max(sides, key=lambda name: sides[name].means[measure])
        _gains(panels[1], figures["hybrid"], sides[best], measure=measure, against=best)
    return figure


def _bars(axes: "Axes", figures: Mapping[str, Figures]) -> None:
    """The means, a group of bars for each measure."""
    measures = list(next(iter(figures.values())).means)
    width = 0.8 / len(figures)
    many = len(measures) * len(figures) > 9  # figures side by side would touch
    for number, (name, values) in enumerate(figures.items()):
        places = np.arange(len(measures)) + (number - (len(figures) - 1) / 2) * width
        heights = [values.means[measure] for measure in measures]
        colour = _COLOURS[min(number, len(_COLOURS) - 1)]
        bars = axes.bar(places, heights, width * 0.94, label=name, color=colour)
        axes.bar_label(bars, fmt="{:.3f}", fontsize=7, padding=1, rotation=90 if many else 0)
    axes.set_xticks(np.arange(len(measures)), measures)
    axes.set_ylabel("mean over all judged queries")
    axes.margins(y=0.12)
    axes.legend(frameon=False, ncols=len(figures), loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _gains(axes: "Axes", hybrid: Figures, side: Figures, *, measure: str, against: str) -> None:
    """What fusion gains or loses on each query, the largest gain first."""
    from matplotlib.patches import Patch

    differences = np.sort(paired_differences(hybrid, side, measure))[::-1]
    places = np.arange(1, len(differences) + 1)
    better, worse = differences > 1e-9, differences < -1e-9
    equal = len(differences) - int(better.sum()) - int(worse.sum())
    axes.bar(places, differences, 1.0, color=np.where(better, _GAIN, _LOSS))
    axes.axhline(0, color="black", linewidth=0.8)
    mean = axes.axhline(differences.mean(), color="black", linewidth=0.8, linestyle="--",
                 label=f"mean: {differences.mean():+.3f}")  # fmt: skip
    axes.set_xlim(0.5, len(differences) + 0.5)
    axes.set_xlabel(f"queries, by gain (of {len(differences)})")
    axes.set_ylabel(f"{measure}: hybrid minus {against}")
    # Made apart from the bars, of which there may be none.
    gains = Patch(color=_GAIN, label=f"better: {better.sum()}")
    nothing = Patch(alpha=0, label=f"equal: {equal}")
    losses = Patch(color=_LOSS, label=f"worse: {worse.sum()}")
    axes.legend(handles=[gains, nothing, losses, mean], frameon=False)


def save(figure: "Figure", path: Path) -> None:
    dateless = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    try:
        figure.savefig(path, metadata=dateless.get(path.suffix.lower()))
    except OSError as error:
        raise ConfigError(f"The picture {path} cannot be written: {error.strerror}.") from error
