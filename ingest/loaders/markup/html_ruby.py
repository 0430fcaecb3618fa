"""Reduces ruby, as in Japanese books, to the text whose reading it tells: 漢<rt>かん</rt>字<rt>じ</rt> is 漢字."""

import re
from typing import Any

from ingest.loaders.markup.html_elements import empty, find

_ANNOTATIONS = ("rt", "rp", "rtc")
_FIRST_IDEOGRAPHIC = "\u2e80"  # from here on scripts put no spaces between words, but for Hangul
_BREAK_BEFORE_CHARACTER = re.compile(r"^\s*\n\s*(?=[\u2e80-\uffef])")
_BREAK_AFTER_CHARACTER = re.compile(r"(?:^|(?<=[\u2e80-\uffef]))[ \t\r]*\n\s*\Z")


def reduce_ruby(root: Any) -> None:
    """Empty the annotations below `root`, and close the gaps that line breaks of the markup leave between them."""
    for annotation in list(root.iter(*_ANNOTATIONS)):
        if next(annotation.iter("rb"), None) is None:
            empty([annotation])
        else:  # without its end tag it holds the base text that follows
            annotation.text = None
    if next(root.iter("ruby"), None) is None:
        return
    for ruby in find(root, lambda element: "ruby" if element.tag == "ruby" else None)["ruby"].outermost:
        if max("".join(ruby.itertext()), default="") >= _FIRST_IDEOGRAPHIC:
            _close_gaps(ruby)


def _close_gaps(ruby: Any) -> None:
    """Remove white space at the edges of the parts of a ruby, and the line breaks beside it."""
    for element in ruby.iter():
        element.text = (element.text or "").strip()
        if element is not ruby:
            element.tail = (element.tail or "").strip()
    before, after = ruby.getprevious(), ruby.getnext()
    tail = ruby.tail or ""
    is_between_rubies = after is not None and after.tag == "ruby" and not tail.strip() and "\n" in tail
    ruby.tail = "" if is_between_rubies else _BREAK_BEFORE_CHARACTER.sub("", tail)
    if before is not None:
        before.tail = _BREAK_AFTER_CHARACTER.sub("", before.tail or "")
    elif ruby.getparent() is not None:
        ruby.getparent().text = _BREAK_AFTER_CHARACTER.sub("", ruby.getparent().text or "")
