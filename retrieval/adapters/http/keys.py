"""API keys: read once, kept as hashes, compared in constant time."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, Self, get_args

from retrieval.errors import ConfigError

Scope = Literal["read", "write"]
"""What a key may do; write includes read."""

_SHORTEST = 16
_SECRET = re.compile(r"[\x21-\x7e]+")
_OTHERS = 0o007
_MAKE_ONE = "python -c 'import secrets; print(\"write:\" + secrets.token_urlsafe(32))' makes one"


class Key(NamedTuple):
    """digest   SHA-256 of the secret."""

    scope: Scope
    digest: bytes

    @property
    def name(self) -> str:
        """What logs call it, as in "write-1f0e2a9c"."""
        return f"{self.scope}-{self.digest.hex()[:8]}"

    def may(self, scope: Scope) -> bool:
        return self.scope in (scope, "write")


class Keys(NamedTuple):
    """All keys there are; false where there are none."""

    known: tuple[Key, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.known)

    @classmethod
    def parse(cls, lines: Iterable[str], *, origin: str) -> Self:
        """One `scope:key` a line; blank lines and those that begin with # are left out.

        `origin` is what errors call the place; a key itself is never shown. Raises ConfigError.
        """
        known: list[Key] = []
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line or line.startswith("#"):
                continue
            scope, _, secret = line.partition(":")
            if scope not in get_args(Scope):
                raise ConfigError(f"{origin}, line {number}: a key is read:KEY or write:KEY; {_MAKE_ONE}.")
            if len(secret) < _SHORTEST or not _SECRET.fullmatch(secret):
                raise ConfigError(
                    f"{origin}, line {number}: a key has at least {_SHORTEST} visible ASCII characters; {_MAKE_ONE}."
                )
            known.append(Key("read" if scope == "read" else "write", _digest(secret)))
        return cls(tuple(known))

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises ConfigError for a file that cannot be read, that other users can read, or that holds no key."""
        try:
            mode, text = file.stat().st_mode, file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"The key file {file} cannot be read: {reason}.") from None
        if mode & _OTHERS:
            raise ConfigError(f"The key file {file} is open to every user of this machine: chmod o= {file}")
        keys = cls.parse(text.splitlines(), origin=str(file))
        if not keys:
            raise ConfigError(f"The key file {file} holds no key; {_MAKE_ONE}.")
        return keys

    def find(self, secret: str) -> Key | None:
        """The key with this secret. All are compared, so that the time taken tells nothing."""
        digest = _digest(secret)
        found = None
        for key in self.known:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
