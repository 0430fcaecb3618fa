"""Places of this machine, in what clients of a service are told: they are called by their last part."""

import re
from dataclasses import replace

from ingest.report import SyncReport
from retrieval.errors import QueryError, RetrievalError

_FOLDER = r"[^\s/'\"]+(?: [^\s/'\";:,]+)*"
"""Words with a space between them may be a folder's name."""

_PLACE = re.compile(rf"(?<![\w./:])/(?:{_FOLDER}/)+(?P<name>[^\s/'\";:,]+)")
"""An absolute path; not a URL, nor the route of a service."""


def without_places(text: str) -> str:
    return _PLACE.sub(r"\g<name>", text)


def for_clients(error: RetrievalError) -> str:
    """What it says; of a question, whatever that holds is the client's own."""
    text = str(error).replace(" (--no-operators)", "")
    return text if isinstance(error, QueryError) else without_places(text)


def report_without_places(report: SyncReport) -> SyncReport:
    """A parser, or a program that recognises text, may name them where it says why it failed."""
    return replace(
        report,
        failed=tuple(failure._replace(reason=without_places(failure.reason)) for failure in report.failed),
        skipped=tuple(skip._replace(reason=without_places(skip.reason)) for skip in report.skipped),
    )
