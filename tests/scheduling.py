"""Which of the processes that test runs which files, and in which order."""

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadFileScheduling

LOADING_TORCH = {
    "test_async.py", "test_embedder.py", "test_haystack.py", "test_index.py", "test_llamaindex.py", "test_readme.py",
    "test_rerank.py", "test_runtimes.py", "test_search_options.py", "test_training_fit.py", "test_training_held_out.py",
    "test_training_losses.py", "test_training_model.py", "test_training_run.py",
}  # fmt: skip


def loads_torch(file: str) -> bool:
    return PurePath(file).name in LOADING_TORCH


class TorchInOneProcess(LoadFileScheduling):
    """Each file's tests run in one process, and those of all files that load torch in the same one.

    Torch, and what is built on it, take a process five seconds to load.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "torch" if loads_torch(file) else file


def torch_first(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process is left with it in the end."""
    items.sort(key=lambda item: not loads_torch(item.path.name))
