"""Places of this machine, in what clients of a service are told: they are called by their last part."""

import re
from dataclasses import replace

from ingest.report import SyncReport
from retrieval.errors import QueryError, RetrievalError

_LONGEST = 1_000
"""Characters; the middle of a longer text, which repeats what was sent, is left out."""

_LEFT_OUT = " ... "

_BEGINS = r"(?:\bfile:/*+|(?<![\w./])(?<!:(?=//))/++)"
_PLACE = re.compile(
    rf"""(?<=')/(?:[^/'\n]++/)++(?P<quoted>[^/'\n]*+)(?=')"""
    rf"""|(?<=")/(?:[^/"\n]++/)++(?P<named>[^/"\n]*+)(?=")"""
    rf"""|{_BEGINS}(?:[^\s/'"]++/)++(?P<bare>[^\s/'";:,]*+)"""
)
"""An absolute path, which may have spaces where it stands in quotes; not a URL, nor the route of a service. What was
once read is never read again: clients can send long texts."""


def shortened(text: str) -> str:
    """What was shortened stays as it is."""
    half = (_LONGEST - len(_LEFT_OUT)) // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}{_LEFT_OUT}{text[-half:]}"


def without_places(text: str) -> str:
    """As far as paths can be told from other text."""
    return _PLACE.sub(lambda match: match[match.lastgroup or 0], text)


def for_clients(error: RetrievalError) -> str:
    """What it says, if need be shortened; of a question, whatever that holds is the client's own."""
    text = shortened(str(error).replace(" (--no-operators)", ""))
    return text if isinstance(error, QueryError) else without_places(text)


def report_without_places(report: SyncReport) -> SyncReport:
    """A parser, or a program that recognises text, may name them where it says why it failed."""
    return replace(
        report,
        failed=tuple(failure._replace(reason=without_places(failure.reason)) for failure in report.failed),
        skipped=tuple(skip._replace(reason=without_places(skip.reason)) for skip in report.skipped),
    )
