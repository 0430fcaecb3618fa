"""Jupyter notebooks: the cells' text and code, and what came out of them."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from ingest.loaders.markup.html import write_html
from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.markdown import outline
from ingest.loaders.text.terminal import without_terminal_codes
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import int_or_digits
from retrieval.errors import LoadError
from retrieval.types import Document, Heading, Table

_DAMAGED = "it is a damaged notebook, or none ({}); save it again"
_BETWEEN = "\n\n"
_SAYS_NOTHING = re.compile(r"<[\w.]+(?: [^<>\n]*)?>")  # what stands for a picture or a widget


class _Block(NamedTuple):
    """A text, with the headings and tables in it."""

    text: str
    headings: tuple[Heading, ...] = ()
    tables: tuple[Table, ...] = ()


def load_notebook(data: bytes, *, source: str) -> Document:
    """The cells and their outputs, with empty lines between; headings are those of text cells and Markdown outputs.

    Of an output in several forms, Markdown is taken before HTML, of which the text is, and HTML before plain text.
    Images are left out, and so is the text that only stands for one. A failure is its traceback. The title is that of
    the metadata, else the first heading.

    Raises LoadError for what is no JSON or no notebook.
    """
    if not data:
        return Document(source, "", syntax="markdown")
    try:
        text, notices = decode_noting(data)
        notebook = json.loads(text, parse_int=int_or_digits)
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
    for text, own_headings, own_tables in _blocks(cells):
        headings += [Heading(length + start, level, words) for start, level, words in own_headings]
        tables += [Table(length + start, length + end, header) for start, end, header in own_tables]
        pieces.append(text)
        length += len(text) + len(_BETWEEN)
    title = _text(_dict(notebook.get("metadata")).get("title")) or (headings[0].text if headings else None)
    return Document(
        source,
        _BETWEEN.join(pieces),
        title=title,
        headings=tuple(headings),
        tables=tuple(tables),
        syntax="markdown",
        notices=notices,
    )


def _cells(notebook: Any) -> list[Any] | None:
    """All cells; those of the worksheets that notebooks had before version 4 too."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("worksheets"), list):
        return [cell for sheet in notebook["worksheets"] for cell in _list(_dict(sheet).get("cells"))]
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else None


def _blocks(cells: list[Any]) -> Iterator[_Block]:
    """Each text that is not blank."""
    for cell in map(_dict, cells):
        kind = cell.get("cell_type")
        written = _text(cell.get("source", cell.get("input")))
        if kind == "heading":  # before version 4
            written = f"{'#' * _level(cell.get('level'))} {written}"
        blocks = [_markdown(written) if kind in ("markdown", "heading") else _plain(written)]
        blocks += map(_output, map(_dict, _list(cell.get("outputs"))))
        yield from (block for block in blocks if block.text.strip())


def _output(output: dict[Any, Any]) -> _Block:
    kind = output.get("output_type")
    if kind in ("error", "pyerr"):
        trace = "\n".join(map(_text, _list(output.get("traceback"))))
        summary = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        return _plain(trace if trace.strip() else summary)
    content = _dict(output.get("data", output))
    if markdown := _text(content.get("text/markdown")):
        return _markdown(markdown)
    html = _html(_text(content.get("text/html", content.get("html"))))
    is_picture = any(str(name).startswith("image/") or name in {"png", "jpeg", "svg"} for name in content)
    if html.text or is_picture:
        return html
    plain = _plain(_text(content.get("text/plain", content.get("text"))))
    return plain if kind == "stream" or not _SAYS_NOTHING.fullmatch(plain.text.strip()) else _Block("")


def _plain(text: str) -> _Block:
    return _Block(without_terminal_codes(text).strip("\n"))


def _markdown(text: str) -> _Block:
    return _Block(*outline(text.strip("\n")))


def _html(html: str) -> _Block:
    """What a reader of the HTML sees; nothing of a script that draws. Its headings are none of the notebook's."""
    builder = TextBuilder()
    if html.strip():
        with suppress(LoadError):
            write_html(f"<main>{html}</main>".encode(), builder, charset="utf-8")
    return _Block(builder.text(), (), tuple(builder.tables))


def _level(level: Any) -> int:
    return level if isinstance(level, int) and 1 <= level <= 6 else 1


def _text(value: Any) -> str:
    """A string, or the lines that notebooks part it into; "" for anything else."""
    text = "".join(filter(_is_text, value)) if isinstance(value, list) else value
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
