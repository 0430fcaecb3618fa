"""The directory OUTPUT.training, from which an interrupted training is resumed.

    plan.json       the identity of the training; it is written when the plan is complete
    examples.jsonl  the examples
    checkpoints/    the newest checkpoint and the best one
    fitted.json     how training went; it is written when the trained model is complete
    model/          the trained model, which becomes OUTPUT when its card is complete

A training that is killed is at one of these steps. Without plan.json there is nothing to resume.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.directory.files import make_private_directory
from retrieval.directory.sealed_json import read_sealed, write_sealed
from retrieval.errors import ConfigError, IndexDamagedError
from retrieval.training.examples import Example, read_examples, write_examples
from retrieval.training.recipe import Fitted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CHECKPOINTS = 3
"""At the same time: a new one is written before the oldest is removed."""

_MOMENTS = 2
"""Numbers that the optimizer keeps for each trained weight."""

SCRATCH = "retrieve-train-"
"""The prefix of the temporary directories of a verdict."""


class WorkDirectory:
    """The directory beside `output` that exists while the model is trained."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(f"{output.name}.training")
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model"
        self._examples = self.path / "examples.jsonl"
        self._plan, self._fitted = self.path / "plan.json", self.path / "fitted.json"

    @property
    def is_begun(self) -> bool:
        """Whether there is a training to resume."""
        return self._plan.is_file()

    def begin(self, identity: str, examples: Sequence[Example], *, evaluations: int) -> None:
        """Write the plan; anything else in the directory is removed. Raises OSError."""
        shutil.rmtree(self.path, ignore_errors=True)
        make_private_directory(self.path)
        write_examples(self._examples, examples)
        write_sealed(self._plan, {"identity": identity, "evaluations": evaluations})

    def planned(self, identity: str) -> tuple[list[Example], int]:
        """The examples, and how often the development questions are asked. Raises ConfigError where there is no
        training of that identity."""
        if not self.is_begun:
            raise ConfigError(f"{self.path} holds no training to resume; begin one without --resume.")
        try:
            plan = read_sealed(self._plan)
        except (OSError, IndexDamagedError):
            plan = {}
        if plan.get("identity") != identity:
            raise ConfigError(
                f"{self.path} holds no training with these settings on these documents as they are now. Give the "
                "settings that it was begun with, or remove that directory to begin again."
            )
        return read_examples(self._examples), int(plan["evaluations"])

    def check_unused(self) -> None:
        """Raises ConfigError where the directory holds a training, or files that are not its own. Removes what is left
        of a finished training."""
        self.remove_finished()
        if self.path.exists() and (not self.path.is_dir() or not all(map(self._is_own, self.path.iterdir()))):
            raise ConfigError(f"{self.path} exists, where training keeps its files; move it, or name another output.")
        if self.is_begun:
            done = "all but its verdict" if self.fitted() is not None else self._steps()
            raise ConfigError(
                f"{self.path} holds a training that was interrupted ({done} done), or still runs. Resume it by the "
                "same command with --resume, or remove that directory to begin again."
            )

    def check_space(self, model: "SentenceTransformer") -> None:
        """Raises ConfigError where the disk has no room for checkpoints and the trained model."""
        weights = sum(parameter.nbytes for parameter in model.parameters())
        trained = sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)
        there = sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
        needed = _CHECKPOINTS * (weights + _MOMENTS * trained) + weights - there
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise ConfigError(
                f"Training needs {needed / 1e9:.1f} GB in {self.path.parent}, and {free / 1e9:.1f} GB are free there; "
                "free some space, name another output, or freeze layers."
            )

    def finish_fit(self, fitted: Fitted) -> None:
        """Write how training went, after the trained model. Raises OSError."""
        write_sealed(self._fitted, asdict(fitted))

    def fitted(self) -> Fitted | None:
        """How training went; None where the trained model is not complete."""
        try:
            values = read_sealed(self._fitted)
        except (OSError, IndexDamagedError):
            return None
        figures = {int(step): figure for step, figure in values["figures"].items()}
        return Fitted(**{**values, "figures": figures}) if self.model.is_dir() else None

    def finish(self, output: Path) -> None:
        """Move the trained model to the output, and remove the rest. Raises OSError."""
        if output.is_dir():
            output.rmdir()
        self.model.rename(output)
        self._plan.unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_finished(self) -> None:
        """Remove what a process left that died after it had moved the trained model to the output."""
        if self._fitted.is_file() and not self.model.exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def _is_own(self, path: Path) -> bool:
        """Whether it is one of the files above, complete or not, or a temporary directory of a verdict."""
        own = (self.checkpoints, self.model, self._examples, self._plan, self._fitted)
        return path.stem in {each.stem for each in own} or path.name.startswith(SCRATCH)

    def _steps(self) -> str:
        found = [int(path.name.rpartition("-")[2]) for path in self.checkpoints.glob("checkpoint-*")]
        return f"{max(found):,} steps" if found else "no step"
