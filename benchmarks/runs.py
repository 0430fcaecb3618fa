"""`ingest sync` as a process, timed and weighed; and a model that costs next to nothing."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_INGEST = Path(sys.executable).with_name("ingest")


class Timed(NamedTuple):
    """The report; of the process and its children, wall-clock and CPU seconds, and the peak memory in bytes."""

    report: dict[str, Any]
    seconds: float
    cpu: float
    peak: int


def timed_sync(folder: Path, index: Path, model: str) -> Timed:
    started, cpu = time.monotonic(), _cpu_of_children()
    command = [_INGEST, "sync", folder, "--index", index, "--json"]
    environment = {**os.environ, "RETRIEVAL_MODEL": model}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    with _watching(process.pid) as peak:
        output, _ = process.communicate()
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return Timed(json.loads(output), time.monotonic() - started, _cpu_of_children() - cpu, max(peak))


def _cpu_of_children() -> float:
    """Seconds, of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _watching(pid: int) -> Iterator[list[int]]:
    """The memory of a process and its descendants, several times a second; pages that they share count once."""
    seen = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen.append(sum(map(_memory, _family(pid))))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        threads = Path(f"/proc/{pid}/task").iterdir()
        children += [c for t in threads if t.name != str(pid) for c in (t / "children").read_text("ascii").split()]
    except OSError:  # it has ended
        return [pid]
    return [pid, *(member for child in children for member in _family(int(child)))]


def _memory(pid: int) -> int:
    """Proportional set size without the pages of mapped files, which the kernel may drop at any time."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def tiny_model(directory: Path) -> str:
    """One layer, 32 dimensions, random weights; tokenizer and limits of the default model."""
    if not (directory / "modules.json").is_file():
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
        from transformers import AutoTokenizer, BertConfig, BertModel

        from retrieval.encoders import find_model

        original = find_model("packaged", revision=None)
        bare = directory.with_suffix(".bare")
        size = BertConfig.from_pretrained(original).vocab_size
        shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        BertModel(BertConfig(vocab_size=size, **shape)).save_pretrained(bare)
        AutoTokenizer.from_pretrained(original).save_pretrained(bare)
        transformer = Transformer(str(bare), max_seq_length=256)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        SentenceTransformer(modules=[transformer, pooling]).save(str(directory))
    return str(directory.absolute())
