"""Named texts of any length, in rows of the collection of notes."""

from collections.abc import Iterable, Sequence
from typing import Any

from retrieval.shared_store.engine import Engine
from retrieval.shared_store.expressions import among

_PART = 16_000
"""Characters in one row, which take 64,000 bytes at most."""

_FIELDS = ("key", "name", "born", "part", "parts", "text")
_NAMES = 500
"""Names that are asked for at once."""


class Notes:
    """Texts by name and generation. One is written once and whole."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, name: str, born: int, text: str) -> list[str]:
        """Write a text; returns the keys of its rows. All its parts become visible at once."""
        rows = note_rows(name, born, text)
        self._engine.upsert(self._engine.notes, rows)
        return [row["key"] for row in rows]

    def put_all(self, texts: Iterable[tuple[str, str]], born: int) -> list[str]:
        """Write (name, text) of one generation; returns the keys."""
        rows = [row for name, text in texts for row in note_rows(name, born, text)]
        self._engine.upsert(self._engine.notes, rows)
        return [row["key"] for row in rows]

    def read(self, names: Sequence[str]) -> dict[str, dict[int, str]]:
        """By name and generation: the texts that are there, and whole."""
        parts: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for start in range(0, len(names), _NAMES):
            expression = among("name", names[start : start + _NAMES])
            for row in self._engine.where(self._engine.notes, expression, _FIELDS):
                parts.setdefault((row["name"], row["born"]), []).append(row)
        found: dict[str, dict[int, str]] = {name: {} for name in names}
        for (name, born), rows in parts.items():
            if len(rows) == rows[0]["parts"]:
                found[name][born] = "".join(row["text"] for row in sorted(rows, key=lambda row: row["part"]))
        return found

    def keys(self, names: Sequence[str]) -> list[str]:
        """The keys of all rows of these names."""
        return [
            row["key"]
            for start in range(0, len(names), _NAMES)
            for row in self._engine.where(self._engine.notes, among("name", names[start : start + _NAMES]), ("key",))
        ]

    def delete(self, keys: Sequence[str]) -> None:
        self._engine.delete(self._engine.notes, keys)


def note_rows(name: str, born: int, text: str) -> list[dict[str, Any]]:
    """The rows of a text, which is in one part where it is empty."""
    pieces = [text[start : start + _PART] for start in range(0, len(text), _PART)] or [""]
    return [
        {
            "key": f"{name}:{born}:{part}", "name": name, "born": born, "part": part, "parts": len(pieces),
            "text": piece, "vector": [0.0, 1.0],
        }
        for part, piece in enumerate(pieces)
    ]  # fmt: skip
