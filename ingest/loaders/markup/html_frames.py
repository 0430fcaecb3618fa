"""Opens the frames of an HTML page whose content stands in the page itself, as <iframe srcdoc="...">."""

from typing import Any

from ingest.loaders.markup.html_tree import parse_html
from ingest.loaders.markup.html_visibility import empty_invisible

_DEEPEST = 5  # frames inside frames; their quotation marks double with each
_NO_SIZE = frozenset({"0", "1"})


def open_frames(root: Any, *, depth: int = 0) -> None:
    """Put what a frame shows into its place, but for what its stylesheet hides. A frame without a size stays closed."""
    for frame in list(root.iter("iframe")):
        markup = frame.get("srcdoc", "")
        if not markup.strip() or depth == _DEEPEST or not _NO_SIZE.isdisjoint(map(frame.get, ("width", "height"))):
            continue
        page = parse_html(markup)
        if page is None:
            continue
        open_frames(page, depth=depth + 1)
        empty_invisible(page)
        frame.text = None
        del frame.attrib["srcdoc"]
        frame.tag = "div"
        for body in list(page.iter("body"))[:1]:
            body.tag = "div"
            body.attrib.clear()  # it may be hidden until a script has run
            frame.append(body)
