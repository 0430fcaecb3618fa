"""From a folder of text files to an index that answers: `ingest sync` next to LangChain, LlamaIndex and txtai."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import outcome_of
from benchmarks.speed.documents import packaged_tokenizer, write_folder
from benchmarks.speed.embedding import Sample
from benchmarks.speed.encoders import Worker, ours
from benchmarks.speed.tables import markdown, median_ratio
from retrieval.encoders import find_model

OURS = "hybrid-retrieval"
PEERS = {"LangChain": 256, "LlamaIndex": 256, "txtai": 512}
"""And how many tokens of a string each lets the model read."""
_INGEST = Path(sys.executable).with_name("ingest")


@dataclass(frozen=True, slots=True)
class Run:
    """One index built from nothing.

    process   seconds of the whole process, imports and loading of the model included
    work      seconds of it after that; ours loads the model as it goes, and has it in them
    tokens    that the model read
    unread    those of the texts that it did not
    """

    process: float
    work: float
    tokens: int
    unread: int


def measure(documents: Sequence[str], *, peers: Path, tokens: int, runs: int) -> dict[str, Any]:
    """Rounds in which each system, one after the other, and the encoder alone have the machine for themselves."""
    sample = Sample(documents, tokens=tokens)
    versions: dict[str, str] = {}
    indexed: dict[str, list[Run]] = {name: [] for name in (OURS, *PEERS)}
    encoder = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "documents")
        write_folder(documents, folder)
        for _ in range(runs):
            with Worker(ours(), sample.passages) as worker:
                encoder.append(sample.tokens / worker.run().seconds)
            indexed[OURS].append(sync(folder))
            for name in PEERS:
                run, found = peer(name, folder, python=peers)
                indexed[name].append(run)
                versions |= found
    return {
        "documents": len(documents),
        "characters": sum(map(len, documents)),
        "runs": runs,
        "encoder_tokens_a_second": statistics.median(encoder),
        "versions": versions,
        "systems": {name: summary(times, indexed[OURS], encoder) for name, times in indexed.items()},
    }


def sync(folder: Path) -> Run:
    with tempfile.TemporaryDirectory() as scratch:
        command = [_INGEST, "sync", folder, "--index", Path(scratch, "index"), "--json"]
        started = time.perf_counter()
        process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"ingest sync ended with {process.returncode}")
    report = json.loads(process.stdout)
    return Run(seconds, report["seconds"], report["tokens_embedded"], report["truncated"])


def peer(name: str, folder: Path, *, python: Path) -> tuple[Run, dict[str, str]]:
    """Its figures, and the versions of its packages."""
    with tempfile.TemporaryDirectory() as scratch:
        arguments = name, folder, find_model("packaged"), Path(scratch, "index")
        started = time.perf_counter()
        outcome = outcome_of("benchmarks.speed.ingestion_worker", *arguments, python=python)
        seconds = time.perf_counter() - started
    tokenizer = packaged_tokenizer()
    lengths = [len(encoding) for encoding in tokenizer.encode_batch_fast(outcome["embedded"])]
    read = sum(min(length, PEERS[name]) for length in lengths)
    return Run(seconds, outcome["work"], read, sum(lengths) - read), outcome["versions"]


def summary(runs: Sequence[Run], own: Sequence[Run], encoder: Sequence[float]) -> dict[str, Any]:
    """Medians; ratios say how many times as fast ours is, in the same round."""
    rates = [run.tokens / run.work for run in runs]
    return {
        "process_seconds": statistics.median(run.process for run in runs),
        "work_seconds": statistics.median(run.work for run in runs),
        "tokens": runs[0].tokens,
        "unread": runs[0].unread,
        "tokens_a_second": statistics.median(rates),
        "share_of_encoder": median_ratio(rates, encoder),
        "ratio_process_seconds": median_ratio([run.process for run in runs], [run.process for run in own]),
        "ratio_work_seconds": median_ratio([run.work for run in runs], [run.work for run in own]),
        "ratio_tokens_a_second": median_ratio([run.tokens / run.work for run in own], rates),
        "runs": [asdict(run) for run in runs],
    }


def table(figures: dict[str, Any]) -> str:
    rows = []
    for name, system in figures["systems"].items():
        ratios = (system[f"ratio_{what}"] for what in ("process_seconds", "work_seconds", "tokens_a_second"))
        rows.append(
            [
                name,
                f"{system['process_seconds']:.1f}",
                f"{system['work_seconds']:.1f}",
                f"{system['tokens']:,}",
                f"{system['unread']:,}",
                f"{system['tokens_a_second']:,.0f}",
                f"{system['share_of_encoder']:.0%}",
                *("" if name == OURS else f"{ratio:.2f}" for ratio in ratios),
            ]
        )
    header = ["system", "process s", "work s", "tokens embedded", "not read", "tokens/s", "of our encoder alone"]
    header += ["ours faster: process", "work", "tokens/s"]
    return (
        f"{figures['documents']:,} documents, {figures['characters']:,} characters, {figures['runs']} runs; our "
        f"encoder alone reaches {figures['encoder_tokens_a_second']:,.0f} tokens/s\n\n" + markdown(header, rows)
    )
