"""What a training that was interrupted goes on from: the directory OUTPUT.training.

    plan.json       what tells the training from others, once all that is planned is written
    examples.jsonl  to train on
    checkpoints/    the newest and the best
    fitted.json     how it went, once the trained model is written
    model/          the trained model, which becomes OUTPUT when its verdict is in its card

Killed at any moment, it is at one of these steps: without plan.json nothing is worth keeping.
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
"""That lie there at once: a new one is written before the oldest is removed."""

_MOMENTS = 2
"""Numbers that the optimizer keeps of each weight that is trained."""

SCRATCH = "retrieve-train-"
"""How the names of directories begin that a verdict makes in it for a while."""


class WorkDirectory:
    """Beside `output`, for the time of its training."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(f"{output.name}.training")
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model"
        self._examples = self.path / "examples.jsonl"
        self._plan, self._fitted = self.path / "plan.json", self.path / "fitted.json"

    @property
    def is_begun(self) -> bool:
        """Whether there is a training to go on with."""
        return self._plan.is_file()

    def begin(self, identity: str, examples: Sequence[Example], *, evaluations: int) -> None:
        """Keep what was planned, in place of all that is there. Raises OSError."""
        shutil.rmtree(self.path, ignore_errors=True)
        make_private_directory(self.path)
        write_examples(self._examples, examples)
        write_sealed(self._plan, {"identity": identity, "evaluations": evaluations})

    def planned(self, identity: str) -> tuple[list[Example], int]:
        """The examples, and how often held-out questions are asked. Raises ConfigError where there is no training of
        that identity."""
        if not self.is_begun:
            raise ConfigError(f"{self.path} holds no training to resume; begin without resuming.")
        try:
            plan = read_sealed(self._plan)
        except (OSError, IndexDamagedError):
            plan = {}
        if plan.get("identity") != identity:
            raise ConfigError(
                f"{self.path} holds no training of these documents, as they are now, with these settings. Give those "
                "that it was begun with, or remove that directory to begin anew."
            )
        return read_examples(self._examples), int(plan["evaluations"])

    def check_unused(self) -> None:
        """Raises ConfigError where a training, or what is none, would be thrown away."""
        if self.path.exists() and (not self.path.is_dir() or not all(map(self._is_own, self.path.iterdir()))):
            raise ConfigError(f"{self.path} is there, where training keeps its files; move it, or name another output.")
        if self.is_begun:
            done = "all but its verdict" if self.fitted() is not None else self._steps()
            raise ConfigError(
                f"{self.path} holds a training that was interrupted ({done} done), or still runs. Go on with it by the "
                "same command with --resume, or remove that directory to begin anew."
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
                f"Training needs {needed / 1e9:.1f} GB in {self.path.parent} for a while, and {free / 1e9:.1f} GB are "
                "free there; free some, name another output, or freeze layers."
            )

    def finish_fit(self, fitted: Fitted) -> None:
        """Keep how it went; the trained model is there. Raises OSError."""
        write_sealed(self._fitted, asdict(fitted))

    def fitted(self) -> Fitted | None:
        """How it went; None where the trained model is not there yet."""
        try:
            values = read_sealed(self._fitted)
        except (OSError, IndexDamagedError):
            return None
        figures = {int(step): figure for step, figure in values["figures"].items()}
        return Fitted(**{**values, "figures": figures}) if self.model.is_dir() else None

    def finish(self, output: Path) -> None:
        """The trained model becomes the output, and nothing else is left. Raises OSError."""
        if output.is_dir():
            output.rmdir()
        self.model.rename(output)
        self._plan.unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_finished(self) -> None:
        """Remove what is left where the process died after the trained model became the output."""
        if self._fitted.is_file() and not self.model.exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def _is_own(self, path: Path) -> bool:
        """Also half written, and as what a verdict is told by."""
        own = (self.checkpoints, self.model, self._examples, self._plan, self._fitted)
        return path.stem in {each.stem for each in own} or path.name.startswith(SCRATCH)

    def _steps(self) -> str:
        found = [int(path.name.rpartition("-")[2]) for path in self.checkpoints.glob("checkpoint-*")]
        return f"{max(found):,} steps" if found else "no step"
