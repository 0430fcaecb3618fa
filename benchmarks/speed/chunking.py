"""How fast documents are cut into chunks, next to langchain's splitter with the same tokenizer and the same budget.

Each splitter cuts the texts into chunks of at most 256 tokens with the packaged model's tokenizer, the prefix and
special tokens counted in. Runs are interleaved, each in a new process that knows none of the words yet; loading is not
timed. The figures are the median of MB (a million characters) in a second, with the tokenizer's threads off, as in the
parsers' processes, and on; the share of chunks over the limit, as the model reads them; and how full chunks are.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from benchmarks.processes import apart
from benchmarks.speed.documents import packaged_tokenizer
from benchmarks.speed.tables import markdown, median_ratio
from ingest.splitting.splitter import TokenBudgetSplitter

LIMIT, PREFIX = 256, "passage: "
_SPECIAL_AND_PREFIX = 4  # [CLS], "passage", ":" and [SEP]: langchain counts the text alone


class Run(NamedTuple):
    """Of one splitter on all texts, once: the seconds that it took, and the tokens of each embedded string."""

    seconds: float
    tokens: list[int]


def measure(documents: Sequence[str], *, megabytes: float, runs: int) -> dict[str, Any]:
    """Of the first documents that make up so many megabytes."""
    before = accumulate(map(len, documents), initial=0)
    texts = [text for text, read in zip(documents, before, strict=False) if read < megabytes * 10**6]
    return {
        "documents": len(texts),
        "megabytes": sum(map(len, texts)) / 10**6,
        "runs": runs,
        "rows": [row for threads in ("one", "all") for row in compared(texts, threads=threads, runs=runs)],
    }


def compared(texts: Sequence[str], *, threads: str, runs: int) -> list[dict[str, Any]]:
    """What came of each splitter, with one of the tokenizer's threads or all."""
    rounds = [{name: apart(run, name, texts, threads=threads) for name in SPLITTERS} for _ in range(runs)]
    seconds = {name: [runs[name].seconds for runs in rounds] for name in SPLITTERS}
    tokens = {name: rounds[0][name].tokens for name in SPLITTERS}
    return [
        {
            "threads": threads,
            "splitter": name,
            "megabytes_a_second": sum(map(len, texts)) / 10**6 / statistics.median(seconds[name]),
            "ratio": median_ratio(seconds["langchain"], seconds[name]),
            "chunks": len(tokens[name]),
            "over_the_limit": sum(count > LIMIT for count in tokens[name]) / len(tokens[name]),
            "fill": statistics.mean(tokens[name]) / LIMIT,
        }
        for name in SPLITTERS
    ]


def run(name: str, texts: Sequence[str], *, threads: str) -> Run:
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads == "all" else "false"
    split = SPLITTERS[name]()
    started = time.perf_counter()
    chunks = [chunk for text in texts for chunk in split(text)]
    seconds = time.perf_counter() - started
    encodings = packaged_tokenizer().encode_batch_fast([PREFIX + chunk for chunk in chunks])
    return Run(seconds, [len(encoding) for encoding in encodings])


def langchain() -> Callable[[str], list[str]]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import PreTrainedTokenizerFast

    return RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        PreTrainedTokenizerFast(tokenizer_object=packaged_tokenizer()),
        chunk_size=LIMIT - _SPECIAL_AND_PREFIX,
        chunk_overlap=0,
    ).split_text


def ours() -> Callable[[str], list[str]]:
    return TokenBudgetSplitter(packaged_tokenizer(), max_tokens=LIMIT, prefix=PREFIX).split_text


SPLITTERS = {"langchain": langchain, "ours": ours}


def table(figures: dict[str, Any]) -> str:
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
