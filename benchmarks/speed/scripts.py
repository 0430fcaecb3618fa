"""The benchmarks of chunking and of searches, which are scripts of their own, and what their figures come to."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from documents import write_folder
from tables import markdown

_BENCHMARKS = Path(__file__).resolve().parents[1]


def measure_chunking(documents: Sequence[str], *, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "documents")
        write_folder(documents, folder)
        return _figures("chunking.py", folder, "--runs", str(runs))


def measure_search(*, sizes: str, peers: Path) -> dict[str, Any]:
    """bm25s is the peers': a path of its own makes it importable here, and nothing else of theirs."""
    find = "import bm25s; print(bm25s.__path__[0])"
    package = subprocess.run([peers, "-c", find], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as path:
        Path(path, "bm25s").symlink_to(package)
        return _figures("search_speed.py", "--sizes", sizes, PYTHONPATH=path)


def _figures(script: str, *arguments: Path | str, **environment: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch, "figures.json")
        command = [sys.executable, _BENCHMARKS / script, *arguments, "--json", told]
        # What it prints as it goes on is not part of the report.
        subprocess.run(command, stdout=sys.stderr, env={**os.environ, **environment}, check=True)
        figures: dict[str, Any] = json.loads(told.read_text("utf-8"))
    return figures


def chunking_table(figures: dict[str, Any]) -> str:
    rows = [
        [
            row["threads"],
            row["splitter"],
            f"{row['megabytes_a_second']:.2f}",
            f"{row['ratio']:.1f}",
            f"{row['chunks']:,}",
            f"{row['over_the_limit']:.2%}",
            f"{row['fill']:.1%}",
        ]
        for row in figures["rows"]
    ]
    header = ["threads", "splitter", "MB/s", "of langchain", "chunks", "over the limit", "fill"]
    what = f"{figures['documents']:,} documents, {figures['megabytes']:.1f} MB of text, {figures['runs']} runs"
    return f"{what}\n\n" + markdown(header, rows)


def search_table(figures: dict[str, Any]) -> str:
    """Searches as they were measured; BM25 also as its peers' figures over ours: above 1 they are slower or larger."""
    parts = []
    if figures["searches"]:
        parts.append(_as_measured("chunks", figures["searches"]))
    if figures["bm25"]:
        own = figures["bm25"]["ours"]
        peers = {name: figures["bm25"][name] for name in figures["bm25"] if name != "ours"}
        ratios = {
            f"{name} / ours": {what: value / own[what] for what, value in peer.items() if own.get(what)}
            for name, peer in peers.items()
        }
        parts.append(_as_measured("BM25", figures["bm25"] | ratios))
    return "\n".join(parts)


def _as_measured(title: str, rows: dict[str, dict[str, float | None]]) -> str:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    return markdown([title, *names], ([key, *(_cell(row.get(name)) for name in names)] for key, row in rows.items()))


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
