"""What the styles of a DOCX say: which paragraphs are headings or titles, and which text is hidden."""

import re
from collections.abc import Iterator
from typing import Any

from ingest.loaders.office.xml_elements import attribute, child, child_value, local_name
from ingest.whole_numbers import whole_number

_HEADING_NAME = re.compile(r"heading ([1-9])")
OFF = frozenset({"0", "false", "off"})
"""What says that a property is not set, although its element is there."""


def is_set(properties: Any | None, name: str) -> bool | None:
    """Whether a property is on or off; None where nothing is said of it."""
    found = child(properties, name)
    return None if found is None else attribute(found, "val") not in OFF


class Styles:
    """The styles by their ids.

    root  of the part styles.xml; None where there is none.
    """

    def __init__(self, root: Any | None) -> None:
        styles = [] if root is None else [element for element in root if local_name(element) == "style"]
        self._elements = {attribute(style, "styleId"): style for style in styles}
        self._hidden: dict[str | None, bool] = {}

    def names(self, paragraph: Any) -> list[str]:
        """The lower-case names of the paragraph's style and of those that it is based on, nearest first."""
        return [(child_value(style, "name") or "").lower() for style in self._of_paragraph(paragraph)]

    def level(self, paragraph: Any) -> int | None:
        """The heading level from 1 on; None for what is no heading."""
        for element in (paragraph, *self._of_paragraph(paragraph)):
            outline = child_value(child(element, "pPr"), "outlineLvl")
            if outline is not None and outline.isdecimal():
                level = whole_number(outline)
                return level + 1 if level is not None and level < 9 else None  # 9 is body text
            if match := _HEADING_NAME.fullmatch((child_value(element, "name") or "").lower()):
                return int(match[1])
        return None

    def is_hidden(self, run: Any) -> bool:
        """Whether the text of a run is shown nowhere: by its own properties, else its style's, else its paragraph's."""
        properties = child(run, "rPr")
        own = is_set(properties, "vanish")
        if own is not None:
            return own
        paragraph = run.getparent()
        while paragraph is not None and local_name(paragraph) != "p":
            paragraph = paragraph.getparent()
        return self._hides(child_value(properties, "rStyle")) or self._hides(
            child_value(child(paragraph, "pPr"), "pStyle")
        )

    def _hides(self, style: str | None) -> bool:
        if style not in self._hidden:
            said = (is_set(child(element, "rPr"), "vanish") for element in self._chain(style))
            self._hidden[style] = next((value for value in said if value is not None), False)
        return self._hidden[style]

    def _of_paragraph(self, paragraph: Any) -> Iterator[Any]:
        return self._chain(child_value(child(paragraph, "pPr"), "pStyle"))

    def _chain(self, identifier: str | None) -> Iterator[Any]:
        seen = set()
        while identifier in self._elements and identifier not in seen:
            seen.add(identifier)
            yield self._elements[identifier]
            identifier = child_value(self._elements[identifier], "basedOn")
