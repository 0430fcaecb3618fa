"""Several models, one after the other: first all are loaded, so that what cannot be is known at once; then each is
tried in a process and a directory of its own, which are gone afterwards."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest.model_trials.process import OnMessage, WorkerProcess
from ingest.model_trials.worker import Answer, Failed, Load, Try
from retrieval.model_comparison.candidates import is_on_hub
from retrieval.model_comparison.trial import Candidate, Material, ModelFacts, Trial

ListenerFor = Callable[[Candidate, int], OnMessage]
"""A candidate and its number, from 1 -> what gets the messages of its process."""

_NOT_HERE = "not on this machine; what is named is downloaded."


def load_models(
    candidates: Iterable[Candidate], *, offline: bool, scratch: Path, listener_for: ListenerFor
) -> tuple[list[Candidate], dict[str, str]]:
    """The candidates that can be used here, each model once, and why the others cannot, by label."""
    waiting = list(candidates)
    loaded: dict[str, Candidate] = {}
    refused: dict[str, str] = {}
    number = 0
    while number < len(waiting):
        with WorkerProcess(offline=offline, scratch=str(scratch)) as worker:
            while number < len(waiting) and worker.is_alive:
                candidate = waiting[number]
                number += 1
                answer = worker.ask(Load(candidate.config), on_message=listener_for(candidate, number))
                note_loaded(candidate, answer, loaded, refused, offline=offline)
    return list(loaded.values()), refused


def note_loaded(
    candidate: Candidate,
    answer: Answer,
    loaded: dict[str, Candidate],
    refused: dict[str, str],
    *,
    offline: bool,
) -> None:
    """Put the candidate to those that are loaded, by identity, or to those that are refused, by label."""
    if isinstance(answer, ModelFacts):
        first = loaded.setdefault(answer.identity, candidate)
        if first is not candidate:
            refused[candidate.label] = f"it is the same as {first.label}."
    elif isinstance(answer, Failed):
        refused[candidate.label] = _NOT_HERE if offline and is_on_hub(candidate.config) else answer.reason


def try_models(
    candidates: Sequence[Candidate], material: Material, *, offline: bool, scratch: Path, listener_for: ListenerFor
) -> tuple[dict[str, Trial], dict[str, str]]:
    """What each did, and why others failed, by label."""
    trials: dict[str, Trial] = {}
    refused: dict[str, str] = {}
    for number, candidate in enumerate(candidates, start=1):
        with (
            TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as directory,
            WorkerProcess(offline=offline, scratch=str(scratch)) as worker,
        ):
            config = candidate.config.kept_locally()  # no server keeps what is only tried
            task = Try(config, material, Path(directory) / "index")
            answer = worker.ask(task, on_message=listener_for(candidate, number))
        if isinstance(answer, Trial):
            trials[candidate.label] = answer
        elif isinstance(answer, Failed):
            refused[candidate.label] = answer.reason
    return trials, refused
