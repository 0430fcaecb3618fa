"""Models whose export failed: it is not tried again until something that takes part in it has another version.

~/.cache/hybrid-retrieval/KEY.refused   the versions, a line; then why it failed
"""

from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from retrieval.embedding.cache import cache_directory

_PACKAGES = ("hybrid-retrieval", "torch", "onnx", "onnxruntime", "transformers", "sentence-transformers")

_SHORTAGES = (
    "out of memory", "not enough memory", "insufficient memory", "allocate", "bad_alloc", "bad alloc", "bad allocation",
    "no space left", "disk quota",
)  # fmt: skip
"""How messages of torch, ONNX Runtime and OpenVINO say that memory or disk was short, in lower case."""


def is_refused(key: str) -> bool:
    """Whether the export of this key has failed with the versions that are installed."""
    try:
        return _file(key).read_text("utf-8").partition("\n")[0] == _versions()
    except (OSError, ValueError):
        return False


def refuse(key: str, error: Exception) -> None:
    """Remember that the export failed, unless it failed for a reason that may be gone the next time."""
    if not _is_shortage(error):
        with suppress(OSError):
            _file(key).write_text(f"{_versions()}\n{error}", "utf-8")


def _is_shortage(error: BaseException) -> bool:
    """Whether the error, or one that led to it, means that memory or disk was short, or the cache out of reach."""
    return any(
        isinstance(cause, OSError | MemoryError) or any(words in str(cause).lower() for words in _SHORTAGES)
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _file(key: str) -> Path:
    return cache_directory() / f"{key}.refused"


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"
