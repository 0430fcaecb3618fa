"""Everything this library raises on purpose.

    RetrievalError                  catch this for all of them
    ├── QueryError                  the question or its options make no sense (also a ValueError)
    ├── DocumentError               a document cannot be indexed as given (also a ValueError)
    │   └── SyncedSourceError       its source belongs to a synced folder
    ├── ConfigError                 the settings contradict each other or the model (also a ValueError)
    ├── ModelError                  the model cannot be found, verified or used
    │   ├── EncoderUnavailableError its server does not answer now; the same call may succeed later
    │   ├── PassagesRefusedError    it takes some texts and not others, such as those that are too long
    │   ├── RerankerUnavailableError the same of a server that reranks
    │   └── ChatUnavailableError    the same of a server that writes questions to train on
    ├── ClusterUnavailableError     a Ray cluster does not answer, or has no machine free, now
    ├── TimeLimitError              a search took longer than its time limit
    ├── LoadError                   a file cannot be turned into a document
    ├── DeletionsRefusedError       a sync would delete most of a folder's documents, and was not told to
    └── IndexUnusableError          the index as it stands cannot serve the request
        ├── IndexNotFoundError      there is none at that path
        ├── IndexLockedError        another process is writing
        ├── IndexDamagedError       what is stored is lost, damaged or contradicts itself
        └── IndexMismatchError      it was built with another model or other settings

Each message names the cause and the way out in one line.
"""

from collections.abc import Mapping


class RetrievalError(Exception):
    """Base of all errors this library raises on purpose."""


class QueryError(RetrievalError, ValueError):
    """The question or one of its options makes no sense."""


class DocumentError(RetrievalError, ValueError):
    """A document cannot be indexed as given."""


class SyncedSourceError(DocumentError):
    """The source belongs to a synced folder, whose files decide what there is."""


class ConfigError(RetrievalError, ValueError):
    """The settings contradict each other or the model."""


class ModelError(RetrievalError):
    """The model cannot be found, verified or used."""


class EncoderUnavailableError(ModelError):
    """The server that embeds does not answer now. What was finished is kept; the same call may succeed later."""


class PassagesRefusedError(ModelError):
    """The model refuses some of the texts that it was given, and would take the others.

    reasons   why, by the place of the text among them; the way out included
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__("; ".join(dict.fromkeys(reasons.values())))
        self.reasons = reasons

    def __reduce__(self) -> tuple[type, tuple[Mapping[int, str]]]:
        """For another process: the message is made of the reasons again."""
        return type(self), (self.reasons,)


class RerankerUnavailableError(ModelError):
    """The server that reranks does not answer now. The same search may succeed later, or at once without it."""


class ChatUnavailableError(ModelError):
    """The server that writes questions does not answer now. What it wrote is kept; the same call may succeed later."""


class ClusterUnavailableError(RetrievalError):
    """A Ray cluster does not answer, or none of its machines takes up work, now. What was finished is kept; the same
    call may succeed later."""


class TimeLimitError(RetrievalError):
    """A search took longer than its time limit; see retrieval.time_limit."""


class LoadError(RetrievalError):
    """A file cannot be turned into a document."""


class DeletionsRefusedError(RetrievalError):
    """A sync would delete most of a folder's documents, and was not told to."""


class IndexUnusableError(RetrievalError):
    """The index as it stands cannot serve the request."""


class IndexNotFoundError(IndexUnusableError):
    """There is no index at that path."""


class IndexLockedError(IndexUnusableError):
    """Another process is writing to the index."""


class IndexDamagedError(IndexUnusableError):
    """What is stored is lost, damaged or contradicts itself."""


class IndexMismatchError(IndexUnusableError):
    """The index was built with another model or with other settings."""
