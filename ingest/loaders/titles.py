"""Which titles in a file's metadata are worth showing."""

import re

_JUNK = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel) - .*|untitled.*|(?:document|slide|page|presentation|book|title)\s*\d*|"
    r"powerpoint presentation|word document|no title|\S*[/\\]\S*|\S+\.(?:\w{2,4}|indd|pages|html)|[\W\d_]*)",
    re.I,
)


def meaningful_title(title: str | None) -> str | None:
    """The title on one line; None for what programs write when their user gave none, such as the name of a file."""
    words = " ".join((title or "").replace("\0", "").split())
    return None if _JUNK.fullmatch(words) else words
