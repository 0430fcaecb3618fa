"""A process that forks one that trains, and dies of SIGKILL at a given moment, for each line that it reads.

A line is JSON: `index`, `output`, `moment` (of MOMENTS) and `resume`. The answer is true where the process died, false
where the training came to its end. The libraries are loaded once, and never used before a fork.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import accelerate  # noqa: F401
import datasets  # noqa: F401
import torch
from transformers import Trainer

from retrieval import HybridIndex
from retrieval.training import Mining, Recipe, Wanted, model_directory, run, unseen, work_directory
from retrieval.training.fit import fit

WANTED = Wanted(
    held_out=0.4,
    mining=Mining(count=1, margin=0),
    recipe=Recipe(epochs=2, batch_size=4, learning_rate=1e-3, evaluations=1),
)


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_of(name: str) -> Callable[[Path], None]:
    """Where a file of that name is removed."""
    unlink = Path.unlink

    def removed(path: Path) -> None:
        if path.name == name:
            die()
        unlink(path)

    return removed


# Where the process dies: the owner, the name and what takes its place.
MOMENTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "the plan is half written": (work_directory, "write_sealed", die),
    "training begins": (run, "fit", die),
    "a checkpoint is half written": (Trainer, "_save_optimizer_and_scheduler", die),
    "the model is half written": (model_directory, "settings_file_of", die),
    "the model is written": (work_directory.WorkDirectory, "finish_fit", die),
    "the verdict begins": (run, "judge_training", die),
    "the verdict asks": (unseen, "judge", die),
    "the model moves": (work_directory.WorkDirectory, "finish", die),
    "the model is moved": (Path, "unlink", die_of("plan.json")),
}


def better(*arguments: Any, **options: Any) -> Any:
    """A training that made the model better, whatever came of it: there is a verdict."""
    return replace(fit(*arguments, **options), best_step=1)


def train(index: str, output: str, *, resume: bool) -> str:
    """The advice."""
    torch.set_num_threads(1)
    with HybridIndex.open(index, read_only=True) as opened:
        return run.train(opened, output, wanted=WANTED, resume=resume).advice


def main() -> None:
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                run.fit = better  # type: ignore[assignment]
                setattr(*MOMENTS[request.pop("moment")])
                train(**request)
                os._exit(0)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError(f"the training ended with {code}")
        sys.stdout.write(json.dumps(code != 0) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
