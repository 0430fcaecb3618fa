"""Models that could not be exported, so that each start does not try again.

~/.cache/hybrid-retrieval/KEY.refused   what was tried with, and below it the reason
"""

import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from retrieval.embedding.cache import cache_directory

_SECONDS = 86_400
"""A day: memory that was short then may be there now."""

_EXPORTERS = ("torch", "transformers", "sentence-transformers", "onnx", "onnxruntime")


def refuse(key: str, error: Exception) -> None:
    """Remember that the export of this name failed. Raises OSError where the cache cannot be written."""
    _file(key).write_text(f"{_versions()}\n{error}", "utf-8")


def is_refused(key: str) -> bool:
    """Whether the same packages failed to export it less than a day ago."""
    try:
        recent = time.time() - _file(key).stat().st_mtime < _SECONDS
        return recent and _file(key).read_text("utf-8").partition("\n")[0] == _versions()
    except OSError:
        return False


def _file(key: str) -> Path:
    return cache_directory() / f"{key}.refused"


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in _EXPORTERS)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
