"""Reduces ruby, as in Japanese books, to the text whose reading it tells: 漢<rt>かん</rt>字<rt>じ</rt> is 漢字."""

from typing import Any

from ingest.loaders.markup.html_elements import empty, find

_ANNOTATIONS = ("rt", "rp", "rtc")
_FIRST_IDEOGRAPHIC = "\u2e80"  # from here on scripts put no spaces between words, but for Hangul


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
    for element in ruby.iter():
        element.text = (element.text or "").strip()
        if element is not ruby:
            element.tail = (element.tail or "").strip()
