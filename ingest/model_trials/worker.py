"""The process in which models are tried: it does one task after the other, and sends messages meanwhile."""

import contextlib
import logging
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

from ingest.model_trials.trial import load_model, try_model
from ingest.parser_worker import end_with_parent
from retrieval.config import Config
from retrieval.errors import RetrievalError
from retrieval.model_comparison.trial import Material, ModelFacts, Trial


class Load(NamedTuple):
    """Find out what is known of a model. Answered by ModelFacts."""

    config: Config


class Try(NamedTuple):
    """Try a model in an empty directory. Answered by a Trial."""

    config: Config
    material: Material
    directory: Path


class Message(NamedTuple):
    """What is being done, or a warning that is logged."""

    kind: Literal["progress", "warning"]
    text: str


class Failed(NamedTuple):
    """Why a model cannot be used."""

    reason: str


Answer = ModelFacts | Trial | Failed


def serve(descriptor: int) -> None:
    """Answer each Load and Try, with any number of Messages before, until the other end is closed."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked
    with Connection(descriptor) as connection, contextlib.suppress(EOFError, BrokenPipeError):
        logging.getLogger().handlers = [_Sending(connection)]
        while True:
            connection.send(answer(connection.recv(), on_message=connection.send))


def answer(task: Load | Try, *, on_message: Callable[[Message], None]) -> Answer:
    """Do the task; its progress and warnings are messages."""
    try:
        if isinstance(task, Load):
            return load_model(task.config)
        return try_model(*task, on_step=lambda text: on_message(Message("progress", text)))
    except BrokenPipeError:
        raise
    except (RetrievalError, OSError) as error:
        return Failed(" ".join(str(error).split()))
    except MemoryError:
        return Failed("there is too little memory for it.")
    except Exception as error:  # whatever a model's own code raises, the others are to be compared
        return Failed(f"it failed: {type(error).__name__}: {' '.join(str(error).split())}")


class _Sending(logging.Handler):
    """Sends warnings to the process that asked."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(Message("warning", record.getMessage()))
