"""API keys: kept as salted hashes, in a file that is read again when it changes, and compared in constant time."""

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args

from retrieval.adapters.filter_limits import check_filter
from retrieval.adapters.http.grants import Grant, Scope
from retrieval.directory.files import private_open
from retrieval.errors import ConfigError, QueryError
from retrieval.filters import compile_where

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_SHORTEST = 16
_SECRET = re.compile(r"[\x21-\x7e]+")
_OTHERS = 0o007
_MAKE_ONE = "`retrieve keys add NAME` makes one"
_LOOK_SECONDS = 1.0
"""How often to look whether the file has changed."""


class Key(NamedTuple):
    """grant     what it may do
    salt, digest   of its secret, which nobody keeps
    created   ISO 8601, UTC; "" where that is not known
    """

    grant: Grant
    salt: bytes
    digest: bytes
    created: str = ""

    @classmethod
    def of(cls, grant: Grant, secret: str) -> Self:
        salt = secrets.token_bytes(16)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(grant, salt, _digest(salt, secret), created)

    def fits(self, secret: str) -> bool:
        return hmac.compare_digest(self.digest, _digest(self.salt, secret))


def new_secret() -> str:
    """256 random bits as a key that can be sent in a header."""
    return secrets.token_urlsafe(32)


class KeyFile:
    """The keys of a file, as JSON. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._looked = 0.0
        self._stamp: tuple[int, ...] | None = None
        self._keys: Sequence[Key] = ()

    def read(self) -> list[Key]:
        """Those that are there now. Raises ConfigError for a file that cannot be read, or that other users can read."""
        try:
            mode, text = self.path.stat().st_mode, self.path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"The key file {self.path} cannot be read: {reason}; {_MAKE_ONE}.") from None
        if mode & _OTHERS:
            raise ConfigError(f"The key file {self.path} is open to every user of this machine: chmod o= {self.path}")
        try:
            return [_key(entry) for entry in json.loads(text)["keys"]]
        except (ValueError, KeyError, TypeError, QueryError) as error:
            raise ConfigError(
                f"The key file {self.path} is not one that `retrieve keys` keeps ({error}); {_MAKE_ONE}."
            ) from None

    def known(self) -> Sequence[Key]:
        """The keys, read again where the file has changed; none while it cannot be read, which is logged."""
        with self._guard:
            now = time.monotonic()
            if self._stamp is None or now - self._looked >= _LOOK_SECONDS:
                self._looked = now
                stamp = self._stamp_now()
                if stamp != self._stamp:
                    self._stamp = stamp
                    try:
                        self._keys = self.read()
                    except ConfigError as error:
                        self._keys = ()
                        log.error("%s Until then no key is accepted.", error)
            return self._keys

    def write(self, keys: Iterable[Key]) -> None:
        """Replace the file, which only its owner can read. Raises ConfigError."""
        new = self.path.with_name(f"{self.path.name}.new")
        text = json.dumps({"keys": [_entry(key) for key in keys]}, indent=2, ensure_ascii=False)
        try:
            new.unlink(missing_ok=True)
            with private_open(new, "w") as file:
                file.write(f"{text}\n")
            new.replace(self.path)
        except OSError as error:
            raise ConfigError(f"The key file {self.path} cannot be written: {error.strerror}.") from error

    def _stamp_now(self) -> tuple[int, ...]:
        try:
            stat = self.path.stat()
        except OSError:
            return ()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


class Keys:
    """All keys there are: those given at the start, and those of a file. False where nobody needs one."""

    def __init__(self, given: Sequence[Key] = (), file: KeyFile | None = None) -> None:
        self._given = tuple(given)
        self._file = file

    def __bool__(self) -> bool:
        return bool(self._given) or self._file is not None

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
            found = next((each for each in get_args(Scope) if each == scope), None)
            if found is None:
                raise ConfigError(f"{origin}, line {number}: a key is read:KEY, write:KEY or admin:KEY; {_MAKE_ONE}.")
            if len(secret) < _SHORTEST or not _SECRET.fullmatch(secret):
                raise ConfigError(
                    f"{origin}, line {number}: a key has at least {_SHORTEST} visible ASCII characters; {_MAKE_ONE}."
                )
            name = f"{scope}-{hashlib.sha256(secret.encode()).hexdigest()[:8]}"
            known.append(Key.of(Grant(name, found), secret))
        return cls(known)

    def with_file(self, path: Path) -> "Keys":
        """These and those of a file. Raises ConfigError where that cannot be read now."""
        file = KeyFile(path)
        file.read()
        return Keys(self._given, file)

    def find(self, secret: str) -> Grant | None:
        """What the key with this secret may do. All are compared, so that the time taken tells nothing."""
        found = None
        for key in (*self._given, *(self._file.known() if self._file is not None else ())):
            if key.fits(secret):
                found = key.grant
        return found


def checked_where(where: object) -> Mapping[str, Any] | None:
    """The filter of a key, or none. Raises QueryError for what is none."""
    if where is None:
        return None
    if not isinstance(where, dict) or not where:
        raise QueryError(f'where: expected a filter such as {{"readers": {{"$contains": "alice"}}}}, got {where!r}.')
    check_filter("where", where)
    compile_where(where)
    return where


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), salt=salt, digest_size=32).digest()


def _entry(key: Key) -> dict[str, Any]:
    grant = key.grant
    return {
        "name": grant.name,
        "scope": grant.scope,
        "where": grant.where,
        "indexes": sorted(grant.indexes) if grant.indexes is not None else None,
        "created": key.created,
        "salt": key.salt.hex(),
        "digest": key.digest.hex(),
    }


def _key(entry: Mapping[str, Any]) -> Key:
    scope = next((each for each in get_args(Scope) if each == entry["scope"]), None)
    if scope is None or not NAME.fullmatch(entry["name"]):
        raise ValueError("a name or a scope that is none")
    indexes = frozenset(entry["indexes"]) if entry.get("indexes") is not None else None
    grant = Grant(entry["name"], scope, checked_where(entry.get("where")), indexes)
    return Key(grant, bytes.fromhex(entry["salt"]), bytes.fromhex(entry["digest"]), entry.get("created", ""))
