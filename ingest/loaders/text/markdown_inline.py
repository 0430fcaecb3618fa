"""Markdown within a line: its words without markup."""

import re

from ingest.loaders.text.ruby import without_ruby
from ingest.whole_numbers import unescape_html

_INLINE = (
    (re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])"), r"\1"),  # links and images
    (re.compile(r"<[a-zA-Z/!][^<>]*>"), ""),
    (re.compile(r"(?<!\\)(\*{1,3}|~~)(?=\S)([^*~]+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w\\])(_{1,3})(?=\S)([^_]+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*\Z")


def plain_words(markup: str) -> str:
    """A heading's words without inline markup: code, emphasis, links, HTML tags, entities, escapes, {#attributes}."""
    pieces = []
    position = 0
    markup = without_ruby(_ATTRIBUTES.sub("", markup))
    for span in _CODE_SPAN.finditer(markup):
        pieces += [_without_inline(markup[position : span.start()]), span[2]]
        position = span.end()
    pieces.append(_without_inline(markup[position:]))
    return " ".join("".join(pieces).split())


def _without_inline(markup: str) -> str:
    for pattern, replacement in _INLINE:
        markup = pattern.sub(replacement, markup)
    return unescape_html(markup)
