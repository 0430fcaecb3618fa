"""What the options of `retrieve serve` name: keys, hosts, indexes, folders and models, as ServeSettings has them."""

import ipaddress
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from retrieval.console import DEFAULT_INDEX
from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from retrieval.adapters.http.keys import Keys
    from retrieval.adapters.http.settings import ConfiguredReranker
    from retrieval.adapters.http.tokens import Tokens
    from retrieval.token_counts import TokenCount

KEYS_VARIABLE = "SERVE_KEYS"
_INDEX_VARIABLE = "RETRIEVAL_INDEX"


def keys(file: Path | None) -> "Keys":
    """From the file and the environment together. Raises ConfigError."""
    from retrieval.adapters.http.keys import Keys

    given = os.environ.get(KEYS_VARIABLE, "").replace(",", "\n").splitlines()
    from_environment = Keys.parse(given, origin=KEYS_VARIABLE)
    return from_environment.with_file(file) if file is not None else from_environment


def tokens(key: Path | None, issuer: str | None, audience: str | None, where: str | None) -> "Tokens | None":
    """Raises ConfigError."""
    from retrieval.adapters.http.tokens import Tokens

    if key is None:
        if issuer or audience or where:
            raise ConfigError("--token-issuer, --token-audience and --token-where go with --token-key.")
        return None
    if not issuer or not audience:
        raise ConfigError("--token-key needs --token-issuer and --token-audience: a token may be meant for others.")
    return Tokens.of(key, issuer=issuer, audience=audience, where=where)


def hosts(host: str, allowed: list[str], *, is_local: bool) -> frozenset[str]:
    """The names that requests may call the service by; empty allows any."""
    from retrieval.adapters.http.settings import LOOPBACK

    named = {name for given in allowed for name in given.lower().replace(",", " ").split()}
    if is_local:
        named.add(host.lower())
    return LOOPBACK | named if named else frozenset()


def origin(given: str) -> str:
    """An origin as browsers send it. Raises ConfigError for what is none."""
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or given.rstrip("/").count("/") != 2:
        raise ConfigError(
            f"--allowed-origin {given} is no origin; write https://app.example, with the port if it has one."
        )
    return given.rstrip("/").lower()


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def indexes(given: list[str], directory: Path | None) -> dict[str, Path]:
    """The indexes that are served, by the names that clients call them. Raises ConfigError."""
    from retrieval.adapters.http.indexes import NAME

    if directory is not None and not directory.is_dir():
        raise ConfigError(f"--indexes {directory} is not a directory that exists; create it first.")
    if not given and directory is None:
        given = [os.environ.get(_INDEX_VARIABLE) or str(DEFAULT_INDEX)]
    indexes: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        is_named = bool(equals) and re.fullmatch(NAME, name) is not None and not Path(text).is_dir()
        place = Path(path if is_named else text)
        own = re.sub(r"[^A-Za-z0-9._-]|^[._-]+", "", place.resolve().name)[:64] or "default"
        called = name if is_named else own
        if called in indexes:
            raise ConfigError(f"--index: two indexes are called {called!r}; give one another name with NAME=DIR.")
        if directory is not None and (directory / called).exists():
            raise ConfigError(f"--index: {called!r} is in --indexes {directory} already; give one another name.")
        indexes[called] = place
    return indexes


def folders(given: list[str], indexes: Mapping[str, Path], *, is_single: bool) -> dict[str, dict[str, Path]]:
    """The folders of each index, by the names that their sources begin with. Raises ConfigError."""
    from ingest.root import checked_name, resolve_root

    found: dict[str, dict[str, Path]] = {}
    for given_text in given:
        index, colon, text = given_text.partition(":")
        if is_single:
            index, text = next(iter(indexes)), given_text
        elif not colon or index not in indexes:
            there = ", ".join(indexes) or "none: --indexes alone has no folders"
            raise ConfigError(f"--folder {given_text}: of several indexes, write INDEX:NAME=DIR; there are {there}.")
        folders = found.setdefault(index, {})
        name, equals, path = text.partition("=")
        is_named = equals and "/" not in name and not Path(text).is_dir()
        root = resolve_root(Path(path if is_named else text))
        known = checked_name(root, name if is_named else None)
        if folders.setdefault(known, root) != root:
            raise ConfigError(f"--folder: two folders are called {known!r}; give one another name with NAME=DIR.")
    return found


def tokenizer(given: str) -> "tuple[str, TokenCount]":
    """The name that requests ask by, and what counts. Raises ConfigError for what cannot be loaded."""
    from tokenizers import Tokenizer

    from retrieval.token_counts import token_counter

    name, equals, path = given.partition("=")
    try:
        if equals:
            return name, token_counter(Tokenizer.from_file(path))
        if "/" not in name and find_spec("tiktoken") is not None:
            import tiktoken

            if name in tiktoken.list_encoding_names():
                return name, token_counter(tiktoken.get_encoding(name))
        return name, token_counter(Tokenizer.from_pretrained(name))
    except Exception as error:  # whatever the libraries raise
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ConfigError(
            f"--tokenizer {given} cannot be loaded: {reason}. Name a file (NAME=tokenizer.json), a model on the hub, "
            "or an encoding of tiktoken, such as o200k_base."
        ) from None


def reranker(name: str | None) -> "ConfiguredReranker | None":
    """Loaded, so that a wrong name is known before the first request. Clients call a server's model by its own name,
    not by its address. Raises as `load_reranker`."""
    if name is None:
        return None
    from retrieval.adapters.http.settings import ConfiguredReranker
    from retrieval.endpoint_reranker import EndpointReranker
    from retrieval.rerankers import load_reranker

    model = load_reranker(name)
    return ConfiguredReranker(name=model.name if isinstance(model, EndpointReranker) else name, model=model)
