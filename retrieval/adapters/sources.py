"""What a client of a service may call a document, whichever protocol it speaks."""

from retrieval.errors import DocumentError

MAX_SOURCE = 1_000


def check_source(source: str) -> None:
    """Raises DocumentError for a source that cannot be told from a folder, or that does not read as it is."""
    if source.endswith("/") or len(source) > MAX_SOURCE or not source.strip() or not source.isprintable():
        raise DocumentError(
            f'A source is the name of one document: visible characters, {MAX_SOURCE} at most, and no "/" at its end.'
        )
