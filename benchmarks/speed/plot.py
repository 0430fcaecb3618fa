"""The picture: what a search and the building of an index cost as the corpus grows."""

from pathlib import Path
from typing import Any

_LATENCIES = {
    "hybrid p50 ms": "hybrid, with embedding the question",
    "dense p50 ms": "dense, likewise",
    "lexical p50 ms": "lexical",
    "numpy scan ms": "numpy's product with all vectors",
}
_BUILD = "build s"


def draw(searches: dict[str, dict[str, float | None]], file: Path) -> None:
    """searches   number of chunks -> the figures of search_speed.py; indexes that it kept have no time of building."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (latency, build) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, label in _LATENCIES.items():
        sizes, values = _points(searches, name)
        latency.plot(sizes, values, marker="o", linestyle="--" if name == "numpy scan ms" else "-", label=label)
    latency.set(title="Median latency", ylabel="ms")
    latency.legend()
    build.plot(*_points(searches, _BUILD), marker="o")
    build.set(title="Building the search files", ylabel="s")
    for axes in (latency, build):
        if not axes.lines[0].get_xdata().size:
            continue
        axes.set(xscale="log", yscale="log", xlabel="chunks")
        axes.grid(visible=True, which="major", alpha=0.3)
    figure.savefig(file, dpi=150)


def _points(searches: dict[str, dict[str, float | None]], name: str) -> tuple[list[int], list[float]]:
    points: Any = sorted((int(size), row[name]) for size, row in searches.items() if row.get(name) is not None)
    return [size for size, _ in points], [value for _, value in points]
