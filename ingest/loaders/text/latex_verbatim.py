r"""What LaTeX takes as it is written: verbatim environments, and the arguments of \verb and \lstinline."""

import re

import regex

BEGINS = (
    r"\\begin\s*+\{(?P<verbatim>verbatim\*?|[BLV]?Verbatim\*?|lstlisting|minted|alltt|comment|filecontents\*?)\}"
    r"|\\(?:verb\*?|lstinline)(?P<delimiter>[^\w\s{\[*])"
)
"""Where it begins, as a pattern."""

_MAX_VERB = 1000


def end_of_verbatim(text: str, begin: re.Match[str] | regex.Match[str]) -> int:
    r"""Where what `begin`, a match of BEGINS, has begun is over; an environment without an end goes on to the end of
    the text. What looks like \verb but has no end on its line has begun nothing."""
    start = begin.end()
    if begin["verbatim"]:
        end = text.find(f"\\end{{{begin['verbatim']}}}", start)
        return len(text) if end < 0 else end
    end = text.find(begin["delimiter"], start, start + _MAX_VERB)
    return start if end < 0 or "\n" in text[start:end] else end + 1
