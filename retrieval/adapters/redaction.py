"""Redaction: messages to a client name a path of this machine by its last part alone."""

from dataclasses import replace

import regex

from ingest.report import SyncReport
from retrieval.errors import QueryError, RetrievalError

_LONGEST = 1_000
"""Characters. A longer text repeats what the client sent, so its middle can be left out."""

_LEFT_OUT = " ... "

_BEGINS = r"(?:\bfile:/*+|(?<![\w./])(?<!:(?=//))/++)"
_PLACE = regex.compile(
    rf"""(?<=')/(?:[^/'\n]++/)++(?P<quoted>[^/'\n]*+)(?=')"""
    rf"""|(?<=")/(?:[^/"\n]++/)++(?P<named>[^/"\n]*+)(?=")"""
    rf"""|{_BEGINS}(?:[^\s/'"]++/)++(?P<bare>[^\s/'";:,]*+)"""
)
"""An absolute path, which may have spaces if it stands in quotes; not a URL and not the route of a service. The
quantifiers are possessive, so that matching takes linear time: clients can send long texts."""


def shortened(text: str) -> str:
    """The text without its middle, if it is long. Idempotent."""
    half = (_LONGEST - len(_LEFT_OUT)) // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}{_LEFT_OUT}{text[-half:]}"


def redact_paths(text: str) -> str:
    """The text with each absolute path replaced by its last part, as far as paths can be told from other text."""
    return _PLACE.sub(lambda match: match[match.lastgroup or 0], text)


def client_message(error: RetrievalError) -> str:
    """The message of an error for a client, shortened and redacted. A QueryError repeats only what the client sent, so
    its paths stay."""
    text = shortened(str(error).replace(" (--no-operators)", ""))
    return text if isinstance(error, QueryError) else redact_paths(text)


def redacted_report(report: SyncReport) -> SyncReport:
    """The report with its reasons redacted: a parser or an OCR program may name paths when it fails."""
    return replace(
        report,
        failed=tuple(failure._replace(reason=redact_paths(failure.reason)) for failure in report.failed),
        skipped=tuple(skip._replace(reason=redact_paths(skip.reason)) for skip in report.skipped),
        notices=tuple(notice._replace(reason=redact_paths(notice.reason)) for notice in report.notices),
        refused=redact_paths(report.refused),
    )
