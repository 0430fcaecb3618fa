"""Jupyter notebooks: the cells' text and code, and what they printed."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ingest.loaders.text.decoding import decode
from ingest.loaders.text.markdown import outline
from retrieval.errors import LoadError
from retrieval.types import Document, Heading, Table

_DAMAGED = "it is a damaged notebook, or none ({}); save it again"
_BETWEEN = "\n\n"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def load_notebook(data: bytes, *, source: str) -> Document:
    """The cells and their text outputs, with empty lines between; headings and tables are those of text cells.

    Images and HTML are left out, and so is the text that only stands for an image. The title is that of the metadata,
    else the first heading.

    Raises LoadError for what is no JSON or no notebook.
    """
    if not data:
        return Document(source, "", syntax="markdown")
    try:
        notebook = json.loads(decode(data))
    except ValueError as error:
        raise LoadError(_DAMAGED.format(error)) from error
    except RecursionError as error:
        raise LoadError(_DAMAGED.format("it is nested too deeply")) from error
    cells = _cells(notebook)
    if cells is None:
        raise LoadError(_DAMAGED.format("it has no cells"))
    pieces: list[str] = []
    headings: list[Heading] = []
    tables: list[Table] = []
    length = 0
    for block, is_prose in _blocks(cells):
        if is_prose:
            found = outline(block)
            headings += [Heading(length + start, level, text) for start, level, text in found[0]]
            tables += [Table(length + start, length + end, header) for start, end, header in found[1]]
        pieces.append(block)
        length += len(block) + len(_BETWEEN)
    title = _text(_dict(notebook.get("metadata")).get("title")) or (headings[0].text if headings else None)
    return Document(
        source,
        _BETWEEN.join(pieces),
        title=title,
        headings=tuple(headings),
        tables=tuple(tables),
        syntax="markdown",
    )


def _cells(notebook: Any) -> list[Any] | None:
    """All cells; those of the worksheets that notebooks had before version 4 too."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("worksheets"), list):
        return [cell for sheet in notebook["worksheets"] for cell in _list(_dict(sheet).get("cells"))]
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else None


def _blocks(cells: list[Any]) -> Iterator[tuple[str, bool]]:
    """Each text that is not blank, and whether it is Markdown."""
    for cell in map(_dict, cells):
        kind = cell.get("cell_type")
        written = _text(cell.get("source", cell.get("input")))
        if kind == "heading":  # before version 4
            written = f"{'#' * _level(cell.get('level'))} {written}"
        for text in (written, *map(_output, map(_dict, _list(cell.get("outputs"))))):
            if text.strip():
                yield text.strip("\n"), kind in ("markdown", "heading")


def _output(output: dict[Any, Any]) -> str:
    kind = output.get("output_type")
    if kind in ("error", "pyerr"):
        return f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
    content = _dict(output.get("data", output))
    if any(str(name).startswith("image/") or name in {"png", "jpeg", "svg"} for name in content):
        return ""
    return _ANSI.sub("", _text(content.get("text/plain", content.get("text"))))


def _level(level: Any) -> int:
    return level if isinstance(level, int) and 1 <= level <= 6 else 1


def _text(value: Any) -> str:
    """A string, or the lines that notebooks part it into; "" for anything else."""
    text = "".join(filter(_is_text, value)) if isinstance(value, list) else value
    return text.replace("\0", "").replace("\r\n", "\n") if isinstance(text, str) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
