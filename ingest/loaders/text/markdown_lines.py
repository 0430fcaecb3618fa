"""The lines of Markdown: which are prose, and which belong to code or to raw HTML."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

MAX_LINE = 1000  # a longer "heading" is data, and cleaning it would cost more than it is worth
_FENCE = re.compile(
    r" {0,3}(?P<container>(?:(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])[ \t]*)*)(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})"
)
_FENCE_END = re.compile(r"[ \t>]*(?P<fence>`{3,}|~{3,})[ \t]*\Z")
Kind = Literal["prose", "code", "html", "script"]
_RAW_HTML: tuple[tuple[re.Pattern[str], re.Pattern[str], Kind], ...] = (
    (re.compile(r" {0,3}<!--"), re.compile(r"-->"), "script"),
    (re.compile(r" {0,3}<(?:script|style)(?=[\s>]|\Z)", re.I), re.compile(r"</(?:script|style)>", re.I), "script"),
    (re.compile(r" {0,3}<(?:pre|textarea)(?=[\s>]|\Z)", re.I), re.compile(r"</(?:pre|textarea)>", re.I), "html"),
    (re.compile(r" {0,3}<\?"), re.compile(r"\?>"), "script"),
    (
        re.compile(
            r" {0,3}</?(?:address|article|aside|blockquote|center|details|div|dl|fieldset|figure|footer|form|h[1-6]"
            r"|header|li|main|nav|ol|p|section|summary|table|tbody|td|th|thead|tr|ul)(?=[\s/>]|\Z)",
            re.I,
        ),
        re.compile(r"\A\s*\Z"),
        "html",
    ),
)


class Line(NamedTuple):
    """Where a line starts in the text, and its first MAX_LINE characters."""

    start: int
    text: str


def prose_lines(text: str, start: int) -> Iterator[Line]:
    """The lines from `start` on that are neither fenced code nor raw HTML; each such block is one empty line."""
    for line, kind, begins in block_lines(text, start):
        if kind == "prose":
            yield line
        elif begins:
            yield Line(line.start, "")


def block_lines(text: str, start: int) -> Iterator[tuple[Line, Kind, bool]]:
    """Each line from `start` on, the kind of block that it is in, and whether it is the first of one.

    The kinds are fenced code, raw HTML, and raw HTML whose content is no text: comments, scripts, styles.
    """
    fence: re.Match[str] | None = None
    html_end: re.Pattern[str] | None = None
    kind: Kind = "html"
    for line in _lines(text, start):
        if fence:
            yield line, "code", False
            if _closes(line.text, fence):
                fence = None
        elif html_end:
            yield line, kind, False
            if html_end.search(line.text):
                html_end = None
        elif fence := _FENCE.match(line.text):
            yield line, "code", True
        elif html := _raw_html(line.text):
            kind, html_end = html
            yield line, kind, True
            if html_end.search(line.text):
                html_end = None
        else:
            yield line, "prose", False


def _lines(text: str, start: int) -> Iterator[Line]:
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield Line(start, text[start : min(end, start + MAX_LINE)])
        start = end + 1


def _closes(line: str, fence: re.Match[str]) -> bool:
    if ">" in fence["container"] and not line.lstrip().startswith(">"):
        return True
    end = _FENCE_END.match(line)
    return bool(end and end["fence"].startswith(fence["fence"]))


def _raw_html(line: str) -> tuple[Kind, re.Pattern[str]] | None:
    """The kind of the block of raw HTML that the line begins, and what ends it."""
    if "<" not in line[:4]:
        return None
    return next(((kind, end) for start, end, kind in _RAW_HTML if start.match(line)), None)
