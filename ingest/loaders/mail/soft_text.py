"""Texts of mails that are not plain as they stand: flowed lines (RFC 3676), text/enriched (RFC 1896), text/richtext."""

import re

_SIGNATURE = "-- "
_LINE_BREAKS = re.compile(r"\n+")
_COMMAND = re.compile(r"<(/?)([A-Za-z0-9-]{1,60})>|<<")
_PARAMETER = re.compile(r"<param>.*?(?:</param>|\Z)", re.I | re.S)
_COMMENT = re.compile(r"<comment>.*?(?:</comment>|\Z)", re.I | re.S)
_VERBATIM = re.compile(r"(<nofill>.*?(?:</nofill>|\Z))", re.I | re.S)
_BREAKS = {"nl": "\n", "np": "\n\n", "paragraph": "\n\n", "lt": "<"}  # those of text/richtext


def join_flowed(text: str, *, deletes_space: bool) -> str:
    """The text with each paragraph on one line; lines of a quotation keep their marks, in front of the paragraph.

    deletes_space   the space at which a line ends is no part of the text, as in scripts without spaces.
    """
    paragraphs: list[list[str]] = []
    is_open, last_depth = False, 0
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        flows = words.endswith(" ") and words != _SIGNATURE
        text_of_line = words[:-1] if flows and deletes_space else words
        if is_open and depth == last_depth and words != _SIGNATURE:
            paragraphs[-1].append(text_of_line)
        else:
            paragraphs.append([f"{'>' * depth} " if depth else "", text_of_line])
        is_open, last_depth = flows, depth
    return "\n".join(map("".join, paragraphs))


def enriched_to_plain(text: str) -> str:
    """text/enriched without its commands: of several line breaks in a row one is none, and a single one is a space."""
    pieces = _VERBATIM.split(_PARAMETER.sub("", text))
    filled = (
        piece if index % 2 else _LINE_BREAKS.sub(lambda breaks: breaks[0][1:] or " ", piece)
        for index, piece in enumerate(pieces)
    )
    return _COMMAND.sub(lambda command: "" if command[2] else "<", "".join(filled)).strip()


def richtext_to_plain(text: str) -> str:
    """text/richtext of RFC 1341, where commands alone break lines."""
    text = " ".join(_COMMENT.sub("", text).split())
    return _COMMAND.sub(lambda command: _BREAKS.get((command[2] or "lt").lower(), ""), text).strip()
