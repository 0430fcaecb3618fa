"""Looks into lxml's elements by local names: the namespaces of office formats differ between versions of them."""

from collections.abc import Callable
from typing import Any


def write_all(stack: list[Any], write: Callable[[Any], None]) -> None:
    """Take what is last until nothing is left, and call it or else write it; both may add more to the stack.

    However deep elements are nested, no Python call is.
    """
    while stack:
        item = stack.pop()
        if callable(item):
            item()
        else:
            write(item)


def local_name(element: Any) -> str:
    """The tag without its namespace; "" for an entity or another node that is no element."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Any | None, name: str) -> str | None:
    """The value of the first attribute with that local name."""
    if element is None:
        return None
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def child(element: Any | None, name: str) -> Any | None:
    """The first child with that local name."""
    return None if element is None else next((found for found in element if local_name(found) == name), None)


def children(element: Any | None, name: str) -> list[Any]:
    """The children of the first child with that local name; none where there is no such child."""
    found = child(element, name)
    return [] if found is None else list(found)


def child_value(element: Any | None, name: str) -> str | None:
    """The `val` attribute of the first child with that local name."""
    return attribute(child(element, name), "val")


def child_text(element: Any | None, name: str) -> str | None:
    """The text of the first child with that local name."""
    found = child(element, name)
    return None if found is None else found.text
