"""The picture: what a search and the building of an index cost as the corpus grows."""

from collections.abc import Mapping
from pathlib import Path

_LATENCIES = {
    "hybrid p50 ms": "hybrid, with embedding the question",
    "dense p50 ms": "dense, likewise",
    "lexical p50 ms": "lexical",
    "numpy scan ms": "numpy's product with all vectors",
}


def draw(searches: Mapping[int, Mapping[str, float]], file: Path) -> None:
    """searches   number of chunks, ascending -> the figures of search.py"""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (latency, build) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    sizes = list(searches)
    for name, label in _LATENCIES.items():
        style = "--" if name == "numpy scan ms" else "-"
        latency.plot(sizes, [row[name] for row in searches.values()], marker="o", linestyle=style, label=label)
    latency.set(title="Median latency", ylabel="ms")
    build.plot(sizes, [row["build s"] for row in searches.values()], marker="o", color="black")
    build.set(title="Building the search files", ylabel="s")
    for axes in (latency, build):
        axes.set(xscale="log", yscale="log", xlabel="chunks")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.yaxis.set_major_formatter("{x:,.9g}")
        axes.yaxis.set_minor_formatter("")
        axes.xaxis.set_minor_formatter("")
        axes.grid(visible=True, which="major", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(_LATENCIES))
    figure.savefig(file, dpi=150)
