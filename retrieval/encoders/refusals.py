"""Models that could not be exported, so that each start does not try again.

~/.cache/hybrid-retrieval/KEY.refused   what was tried with, and below it the reason
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from retrieval.encoders.cache import cache_directory

_SECONDS = 86_400
"""A day: what was missing then may be there now."""

_EXPORTERS = ("hybrid-retrieval", "torch", "transformers", "sentence-transformers", "onnx", "onnxruntime")

_SHORTAGES = (
    "out of memory", "not enough memory", "insufficient memory", "allocate", "bad_alloc", "bad alloc", "bad allocation",
    "no space left", "disk quota",
)  # fmt: skip
"""How messages of torch, ONNX Runtime and OpenVINO say that memory or disk was short, in lower case."""


def refuse(key: str, error: Exception) -> None:
    """Remember that the export of this name failed, unless memory or disk was short: then it is tried at each start."""
    if not any(map(_is_shortage, _causes(error))):
        with suppress(OSError):
            _file(key).write_text(f"{_versions()}\n{error}", "utf-8")


def is_refused(key: str) -> bool:
    """Whether the same packages failed to export it less than a day ago."""
    try:
        recent = time.time() - _file(key).stat().st_mtime < _SECONDS
        return recent and _file(key).read_text("utf-8").partition("\n")[0] == _versions()
    except (OSError, ValueError):
        return False


def _is_shortage(error: BaseException) -> bool:
    message = str(error).lower()
    return isinstance(error, OSError | MemoryError) or any(words in message for words in _SHORTAGES)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _file(key: str) -> Path:
    return cache_directory() / f"{key}.refused"


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in _EXPORTERS)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
