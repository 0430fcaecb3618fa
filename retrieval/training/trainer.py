"""sentence-transformers' trainer, limited to one process, one device and the weights that are trained."""

import ctypes
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

WEIGHTS = "trained.safetensors"
"""The file of a checkpoint that holds the weights that are trained."""

_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_OF_LAUNCHERS = {*_SIZES, "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"}


def check_one_process() -> None:
    """Raises ConfigError where a launcher started several processes: each would train, and write to the same place."""
    for name in _SIZES:
        if os.environ.get(name, "1") not in {"0", "1"}:
            raise ConfigError(
                f"Training runs in one process, and {name} is {os.environ[name]}: start it without torchrun, "
                "`accelerate launch` or mpirun, or remove that environment variable."
            )


@contextmanager
def undisturbed(device: "torch.device") -> Iterator[None]:
    """Within, neither environment variables nor a launcher choose processes, device or precision. Afterwards
    environment, random numbers and progress bars are restored."""
    import torch
    from datasets.utils import logging as datasets_logging

    environment = dict(os.environ)
    bars = datasets_logging.is_progress_bar_enabled()
    states = random.getstate(), np.random.get_state()
    for name in environment:
        if name in _OF_LAUNCHERS or name.startswith(("ACCELERATE_", "FSDP_")):
            del os.environ[name]
    os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    datasets_logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if bars:
            datasets_logging.enable_progress_bar()
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


def release_memory() -> None:
    """Give freed memory back to the system. glibc keeps it in pieces, which the larger tensors of a later step do not
    fit into: a process whose steps need 4 GB grew to 6 GB within a hundred of them."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def replace_rows(dataset: Any, columns: Mapping[str, Sequence[Any]]) -> None:
    """Replace the values of a `datasets.Dataset` that a trainer reads; datasets itself has no way to do so. Raises
    ValueError where the columns or the number of rows differ, since a training has its steps from the beginning."""
    from datasets import Dataset

    other = Dataset.from_dict(columns)
    if other.features != dataset.features or len(other) != len(dataset):
        raise ValueError("The new rows have other columns than those before, or are more or fewer.")
    dataset._data = other.data


def arguments_class(device: "torch.device") -> Any:
    """Training arguments that leave the model on its device, instead of taking the first GPU, or all."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    class Arguments(SentenceTransformerTrainingArguments):  # type: ignore[misc]
        @property
        def device(self) -> "torch.device":
            super().device  # noqa: B018  # sets up what accelerate knows of the process
            return device

        @property
        def n_gpu(self) -> int:
            return int(device.type != "cpu")

    return Arguments


def trainer_class() -> Any:
    """A trainer whose checkpoints hold only the weights that are trained. It does not write the card of
    sentence-transformers, which has examples of the documents in it."""
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import TrainerCallback

    class NoCard(TrainerCallback):  # type: ignore[misc]
        def __init__(self, defaults: dict[str, Any]) -> None: ...

    class Trainer(SentenceTransformerTrainer):  # type: ignore[misc]
        model_card_callback_class = NoCard

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            from safetensors.torch import save_file

            directory = Path(output_dir or self.args.output_dir)
            directory.mkdir(parents=True, exist_ok=True)
            save_file(trained_weights(self.model), directory / WEIGHTS)

        def _load_from_checkpoint(self, checkpoint_path: str) -> None:
            load_weights(self.model, Path(checkpoint_path))

    return Trainer


def trained_weights(model: "SentenceTransformer") -> dict[str, "torch.Tensor"]:
    """The weights that have gradients, by name. Of weights that share memory, one."""
    return {name: weight.detach().contiguous() for name, weight in model.named_parameters() if weight.requires_grad}


def load_weights(model: "SentenceTransformer", checkpoint: Path) -> None:
    """Set the trained weights to those of a checkpoint."""
    from safetensors.torch import load_file

    restore(model, load_file(checkpoint / WEIGHTS))


def restore(model: "SentenceTransformer", weights: dict[str, "torch.Tensor"]) -> None:
    """Set the trained weights to these."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                weight.copy_(weights[name])
