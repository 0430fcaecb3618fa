"""Ruby in running text with HTML in it: which characters are no base text of it, `<ruby>漢<rt>かん</rt></ruby>`."""

import re

RUBY_PART = (
    r"<(?:rt|rp|rtc)(?:[ \t][^<>\n]*)?>[^<>\n]*(?:</(?:rt|rp|rtc)[ \t]*>)?|</?(?:ruby|rb)(?:[ \t][^<>\n]*)?>"
    r"|</(?:rt|rp|rtc)[ \t]*>"
)
"""A pattern of what is to be left out on one line, so that the base text is a word: readings with their tags, and the
tags of the base text."""

_RUBY = re.compile(r"<ruby[\s>]", re.I)
_PARTS = re.compile(RUBY_PART, re.I)


def holds_ruby(text: str) -> bool:
    return "<" in text and _RUBY.search(text) is not None


def without_ruby(text: str) -> str:
    """The text with the base text alone."""
    return _PARTS.sub("", text) if holds_ruby(text) else text
