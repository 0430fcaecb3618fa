"""How the service is set up: everything that is decided before it answers its first request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.adapters.http.grants import Grant
from retrieval.adapters.http.keys import Keys
from retrieval.adapters.http.tokens import Tokens
from retrieval.token_counts import TokenCount
from retrieval.types import Reranker

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

DEFAULT = "default"
"""What the only index may be called too."""

_MEGABYTE = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredReranker:
    """The one cross-encoder that requests may ask for, by `name`."""

    name: str
    model: Reranker


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """What `retrieve serve` was asked for.

    indexes         what is searched: name -> path, as HybridIndex.open takes it.
    directory       where clients may make further ones, and delete them; None where they may not.
    config          settings for all of them, as HybridIndex.open takes them.
    folders         those that may be synced, beside those that an index is synced with already: index -> name ->
                    absolute path.
    keys, tokens    who may do what; without any, everything is open to this machine.
    hosts           the names that requests may give in their Host header; empty allows any.
    origins         those of other sites' pages that may ask, in small letters, as https://app.example.
    feedback        where judgements of hits are kept, a directory for each index; None takes none.
    open_indexes    that are open at the same time, and
    idle            seconds without a request, after which one is closed; where there are several.
    tokenizers      those that a context may be counted with, by name, beside the index's own.
    reranker        what `rerank` may ask for; None refuses it.
    threads         searches that run at the same time.
    waiting         searches that wait for one of those; further ones are refused.
    seconds         that a request may take, its body included; a write may wait so long for its turn.
    grace           seconds to finish what runs when the service is to end.
    rate            requests a minute for each key; 0 is without limit.
    upload_megabytes   of one upload, all files together (10**6 bytes).
    """

    indexes: Mapping[str, Path] = field(default_factory=dict)
    directory: Path | None = None
    config: Path | None = None
    folders: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)
    tokens: Tokens | None = None
    feedback: Path | None = None
    open_indexes: int = 16
    idle: float = 900.0
    hosts: frozenset[str] = LOOPBACK
    origins: frozenset[str] = frozenset()
    tokenizers: Mapping[str, TokenCount] = field(default_factory=dict)
    reranker: ConfiguredReranker | None = None
    threads: int = 4
    waiting: int = 200
    seconds: float = 30.0
    grace: float = 30.0
    rate: int = 3000
    upload_megabytes: float = 50.0

    @property
    def has_keys(self) -> bool:
        """Whether a request needs one."""
        return bool(self.keys) or self.tokens is not None

    def find(self, secret: str) -> Grant | None:
        """What a key or a token may do; None for one that is not known."""
        found = self.keys.find(secret)
        return self.tokens.find(secret) if found is None and self.tokens is not None and "." in secret else found

    @property
    def is_single(self) -> bool:
        """Whether there is one index, and never another."""
        return len(self.indexes) == 1 and self.directory is None

    @property
    def upload_bytes(self) -> int:
        return int(self.upload_megabytes * _MEGABYTE)
