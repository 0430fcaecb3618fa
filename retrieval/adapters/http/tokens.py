"""Signed tokens (JWT) of a team's identity provider: who asks, and which documents there are for them.

The filter is a template: "{groups}" in it stands for the claim `groups`. Where that is a list, a condition holds for
any of its members.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from retrieval.adapters.http.grants import Grant, Scope
from retrieval.adapters.http.keys import checked_where
from retrieval.errors import ConfigError, QueryError

log = logging.getLogger(__name__)

_CLAIM = re.compile(r"\{([A-Za-z0-9_.:/-]+)\}")
_SCOPES = "retrieval:"
"""How the scopes of this service begin in the claim `scope`; without one, a token may read."""

_LEEWAY = 30
"""Seconds that two clocks may differ."""

_SHORTEST = 32
"""Bytes of a shared secret, as RFC 7518 (3.2) demands of HS256."""


@dataclass(frozen=True)
class Tokens:
    """What is demanded of a token.

    key         the public key, as PEM, for RS256; or a shared secret, for HS256
    issuer, audience   the claims `iss` and `aud` that it must have
    where       the template of the filter; None lets all documents through
    """

    key: str
    issuer: str
    audience: str
    where: Mapping[str, Any] | None

    @classmethod
    def of(cls, file: Path, *, issuer: str, audience: str, where: str | None) -> "Tokens":
        """Raises ConfigError for a key that cannot be read or is too short, and for what is no template."""
        try:
            import jwt  # noqa: F401
        except ImportError:
            raise ConfigError("Signed tokens need PyJWT: pip install 'hybrid-retrieval[server]' brings it.") from None
        try:
            key = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"--token-key {file} cannot be read: {reason}.") from None
        if "-----BEGIN" not in key and len(key.encode()) < _SHORTEST:
            raise ConfigError(f"--token-key {file}: a shared secret has at least {_SHORTEST} bytes.")
        if "PRIVATE KEY" in key:
            raise ConfigError(f"--token-key {file} is a private key; give the public one.")
        try:
            template = checked_where(json.loads(where)) if where is not None else None
        except (json.JSONDecodeError, QueryError) as error:
            raise ConfigError(f"--token-where is no filter: {error}") from None
        return cls(key, issuer, audience, template)

    @property
    def algorithm(self) -> str:
        """The only one that is accepted: a token must not choose how it is checked."""
        return "RS256" if "-----BEGIN" in self.key else "HS256"

    def find(self, token: str) -> Grant | None:
        """What a token grants; None for one that is not signed so, is over, is for others, or lacks a claim that the
        filter names."""
        import jwt

        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[self.algorithm],
                issuer=self.issuer,
                audience=self.audience,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            log.info("a token was refused: %s", error)
            return None
        try:
            where = checked_where(filled(self.where, claims)) if self.where is not None else None
        except QueryError as error:
            log.info("a token was refused: %s", error)
            return None
        named = [
            name.removeprefix(_SCOPES) for name in str(claims.get("scope", "")).split() if name.startswith(_SCOPES)
        ]
        known = [scope for scope in get_args(Scope) if scope in named]
        return Grant(f"token-{str(claims['sub'])[:64]}", known[-1] if known else "read", where)


def filled(template: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    """The filter, with claims in place of their names. Raises QueryError for a claim that is missing or empty."""
    [(key, value)] = template.items()
    if key in ("$and", "$or"):
        parts = [filled(part, claims) for part in value]
        return {key: parts}
    if isinstance(value, str):
        return _any_of(key, None, _claim(value, claims))
    if isinstance(value, Mapping):
        [(operator, operand)] = value.items()
        if operator in ("$in", "$nin") and isinstance(operand, str):
            found = _claim(operand, claims)
            return {key: {operator: found if isinstance(found, list) else [found]}}
        if isinstance(operand, str):
            return _any_of(key, operator, _claim(operand, claims))
    return dict(template)


def _any_of(key: str, operator: str | None, value: Any) -> dict[str, Any]:
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    parts = [{key: each if operator is None else {operator: each}} for each in values]
    return {"$or": parts} if len(parts) > 1 else parts[0]


def _claim(text: str, claims: Mapping[str, Any]) -> Any:
    """A claim, where the text is its name in braces; else the text."""
    match = _CLAIM.fullmatch(text)
    if match is None:
        return text
    value = claims.get(match[1])
    if value is None or value in ("", []):
        raise QueryError(f"where: the token has no claim {match[1]!r}")
    if isinstance(value, dict):
        raise QueryError(f"where: the claim {match[1]!r} is an object")
    return value
