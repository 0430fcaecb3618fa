"""MediaWiki's markup as text that can be read: headings, lists, tables, and what links and templates show."""

import re

import regex

from ingest.loaders.text.ruby import without_ruby
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import unescape_html

_VERBATIM = regex.compile(
    r"<(pre|syntaxhighlight|source)\b[^<>]*(?<!/)>((?:(?!</?(?:pre|syntaxhighlight|source)\b).)*+)</\1\s*>",
    regex.S | regex.I,
)
_COMMENT = regex.compile(r"<!--(?:(?!<!--|-->).)*+-->", regex.S)
_NOTE = regex.compile(r"<ref\b[^<>]*/>|<ref\b[^<>]*>(?P<words>(?:(?!</?ref\b).)*+)</ref\s*>", regex.S | regex.I)
_INNERMOST = regex.compile(
    r"\{\{(?P<template>(?:[^{}\[\]]|\{(?!\{)|\}(?!\})|\[(?!\[)|\](?!\]))*+)\}\}"
    r"|\[\[(?P<link>(?:[^{}\[\]]|\{(?!\{)|\}(?!\})|\[(?!\[)|\](?!\]))*+)\]\]"
)
_MAX_DEPTH = 20
_PICTURE = re.compile(r"(?:file|image|datei|bild|fichier|archivo|imagen|immagine|bestand|plik|файл|ファイル)\s*:", re.I)
_PICTURE_OPTION = re.compile(
    r"\s*(?:thumb(?:nail)?|mini|frame(?:d|less)?|border|left|right|center|none|upright(?:=.*)?|\d*x?\d+px|(?:alt|link|lang|page)=.*)?\s*"
)
_WEB_LINK = re.compile(r"\[((?:https?|ftp|mailto):[^\s\[\]]+)(?:[ \t]+([^\[\]\n]*))?\]")
_QUOTES = re.compile("'{2,5}")
_SWITCH = re.compile(r"__[A-Z]+__")
_BREAK = re.compile(r"<br\s*/?>", re.I)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_HEADING = re.compile(r"(?P<marks>={1,6})[ \t]*(?P<text>\S.*?)[ \t]*(?P=marks)[ \t]*")


def write_wikitext(text: str, builder: TextBuilder) -> None:
    """Write a page as blocks of their own.

    Links are their words and pictures their captions; of templates the arguments are shown, and one without any is
    left out. Notes stand in parentheses where they are referred to.
    """
    text = _COMMENT.sub("", text)
    position = 0
    for block in _VERBATIM.finditer(text):
        _write_lines(_shown(text[position : block.start()]), builder)
        builder.paragraph()
        builder.begin_verbatim()
        builder.write(unescape_html(block[2]))
        builder.end_verbatim()
        builder.paragraph()
        position = block.end()
    _write_lines(_shown(text[position:]), builder)
    builder.paragraph()


def _shown(text: str) -> str:
    """Without links, templates, notes, emphasis and tags."""
    text = _NOTE.sub(lambda note: f" ({note['words'].strip()})" if (note["words"] or "").strip() else "", text)
    for _ in range(_MAX_DEPTH):
        text, count = _INNERMOST.subn(_replaced, text)
        if not count:
            break
    text = _WEB_LINK.sub(lambda link: link[2] or link[1], text)
    text = without_ruby(text)
    return unescape_html(_TAG.sub("", _BREAK.sub("\n", _SWITCH.sub("", _QUOTES.sub("", text)))))


def _replaced(match: regex.Match[str]) -> str:
    if match["template"] is not None:
        arguments = [argument.strip() for argument in match["template"].split("|")[1:]]
        named = (argument.partition("=") for argument in arguments if argument)
        words = [_argument(name.strip(), value.strip()) for name, _, value in named]
        return "".join(f"\n: {word}" for word in words) + "\n" if "\n" in match["template"] else ", ".join(words)
    target, *labels = match["link"].split("|")
    if _PICTURE.match(target.strip()):
        return next((label for label in reversed(labels) if not _PICTURE_OPTION.fullmatch(label)), "")
    return labels[-1] if labels and labels[-1].strip() else target.strip().removeprefix(":")


def _argument(name: str, value: str) -> str:
    return value if name.isdecimal() and value else f"{name}: {value}" if value else name


def _write_lines(text: str, builder: TextBuilder) -> None:
    in_table = False
    has_header: bool | None = None  # whether the table's first row is one
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("{|"):
            builder.paragraph()
            builder.begin_table()
            in_table, has_header = True, None
        elif in_table and stripped.startswith("|}"):
            builder.end_table(has_header=bool(has_header))
            builder.paragraph()
            in_table = False
        elif in_table and stripped.startswith(("|", "!")):
            if has_header is None and not stripped.startswith(("|-", "|+")):
                has_header = stripped[0] == "!"
            _write_cells(stripped, builder)
        elif heading := _HEADING.fullmatch(stripped):
            builder.paragraph()
            builder.begin_heading(max(2, len(heading["marks"])))
            builder.write(heading["text"])
            builder.end_heading()
            builder.paragraph()
        elif not stripped:
            builder.paragraph()
        elif stripped[0] in "*#:;":
            builder.line()
            builder.write(stripped.lstrip("*#:; "))
            builder.line()
        else:
            builder.write(f"{stripped} ")
    if in_table:
        builder.end_table(has_header=bool(has_header))


def _write_cells(line: str, builder: TextBuilder) -> None:
    """A line of a table: a new row, a caption, or cells."""
    if line.startswith(("|-", "|+")):
        builder.line()
        if line.startswith("|+"):
            builder.write(_without_attributes(line[2:]))
            builder.line()
        return
    for cell in re.split(r"\|\||!!" if line[0] == "!" else r"\|\|", line[1:]):
        builder.begin_cell()
        builder.write(_without_attributes(cell))
        builder.end_cell()


def _without_attributes(cell: str) -> str:
    attributes, bar, words = cell.partition("|")
    return words if bar and "=" in attributes else cell
