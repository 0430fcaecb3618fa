"""Libraries that only some formats need."""

from importlib import import_module
from types import ModuleType

from retrieval.errors import LoadError


def optional_library(module: str, *, package: str, extra: str, what: str) -> ModuleType:
    """The module; where it is not installed, LoadError says which extra brings the package that reads `what`."""
    try:
        return import_module(module)
    except ImportError as error:
        raise LoadError(f"reading {what} needs {package}: pip install 'hybrid-retrieval[{extra}]'") from error
