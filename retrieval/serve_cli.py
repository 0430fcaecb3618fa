"""`retrieve serve`: the index over HTTP."""

import ipaddress
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from retrieval.config_errors import misspelt
from retrieval.console import DEFAULT_INDEX, ConfigOption
from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from retrieval.adapters.http.keys import Keys
    from retrieval.adapters.http.settings import ConfiguredReranker
    from retrieval.adapters.http.tokens import Tokens
    from retrieval.token_counts import TokenCount

_PREFIX = "SERVE_"
_KEYS_VARIABLE = "SERVE_KEYS"
_INDEX_VARIABLE = "RETRIEVAL_INDEX"


def serve(
    context: typer.Context,
    index: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="Index directory, as DIR or NAME=DIR; repeatable.",
            show_default=".retrieval, or RETRIEVAL_INDEX",
        ),
    ] = None,
    indexes: Annotated[
        Path | None,
        typer.Option(
            envvar="SERVE_INDEXES", metavar="DIR", help="Directory of indexes; clients may make and delete some in it."
        ),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            envvar="SERVE_FEEDBACK", metavar="DIR", help="Where to keep what people say of hits, for retrieve evaluate."
        ),
    ] = None,
    open_indexes: Annotated[
        int, typer.Option(envvar="SERVE_OPEN_INDEXES", min=1, help="Indexes that are open at the same time.")
    ] = 16,
    host: Annotated[str, typer.Option(envvar="SERVE_HOST", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SERVE_PORT", min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 8080,
    folder: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder that may be synced, as DIR or NAME=DIR, beside those that the index is already; of several "
            "indexes, INDEX:NAME=DIR."
        ),
    ] = None,
    keys_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SERVE_KEYS_FILE",
            help="File of API keys, which `retrieve keys` keeps; SERVE_KEYS has some too: read:KEY, write:KEY or "
            "admin:KEY, between commas.",
        ),
    ] = None,
    token_key: Annotated[
        Path | None,
        typer.Option(
            envvar="SERVE_TOKEN_KEY",
            help="For signed tokens (JWT): the identity provider's public key (PEM, RS256), or a secret (HS256).",
        ),
    ] = None,
    token_issuer: Annotated[
        str | None, typer.Option(envvar="SERVE_TOKEN_ISSUER", help="The claim `iss` that tokens must have.")
    ] = None,
    token_audience: Annotated[
        str | None, typer.Option(envvar="SERVE_TOKEN_AUDIENCE", help="The claim `aud` that tokens must have.")
    ] = None,
    token_where: Annotated[
        str | None,
        typer.Option(
            envvar="SERVE_TOKEN_WHERE",
            metavar="JSON",
            help='Filter of tokens, with claims in braces: {"readers": {"$contains": "{sub}"}}.',
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(envvar="SERVE_ALLOWED_HOST", help="Name that clients call this service by, beside localhost."),
    ] = None,
    allowed_origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SERVE_ALLOWED_ORIGIN",
            help="Site whose pages may ask from a browser, as https://app.example (CORS).",
        ),
    ] = None,
    tokenizer: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SERVE_TOKENIZER",
            help="Tokenizer that a context may be counted with: NAME=FILE (tokenizer.json), a model on the hub, or an "
            "encoding of tiktoken.",
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            envvar="SERVE_RERANK", help="Cross-encoder that searches may ask for: name, directory or URL[#MODEL]."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(envvar="SERVE_THREADS", min=1, help="Searches at the same time.")] = 4,
    waiting: Annotated[
        int, typer.Option(envvar="SERVE_WAITING", min=0, help="Searches that may wait; further ones get 503.")
    ] = 200,
    timeout: Annotated[
        float, typer.Option(envvar="SERVE_TIMEOUT", min=0.1, help="Seconds that a request may take.")
    ] = 30,
    rate: Annotated[
        int, typer.Option(envvar="SERVE_RATE", min=0, help="Requests a minute for each key; 0 is without limit.")
    ] = 3000,
    max_upload_mb: Annotated[
        float, typer.Option(envvar="SERVE_MAX_UPLOAD_MB", min=0.001, help="Megabytes of one upload at most.")
    ] = 50,
    grace: Annotated[
        int, typer.Option(envvar="SERVE_GRACE", min=1, help="Seconds to finish what runs when it is to end.")
    ] = 30,
    config: ConfigOption = None,
) -> None:
    """Answer over HTTP, and show a page to search with, until Ctrl-C.

    Without API keys it listens to this machine alone, and everyone on it may read and write.
    """
    _check_variables(context)
    try:
        from retrieval.adapters.http import server
    except ImportError as error:
        raise ConfigError(
            f"`retrieve serve` needs {error.name}: pip install 'hybrid-retrieval[server]' brings it."
        ) from None
    from retrieval.adapters.http.settings import ServeSettings

    keys, is_local = _keys(keys_file), _is_loopback(host)
    tokens = _tokens(token_key, token_issuer, token_audience, token_where)
    if not is_local and not keys and tokens is None:
        raise ConfigError(
            f"--host {host} opens the index to other machines, and there is no API key: name a file with --keys-file, "
            f"which `retrieve keys add` makes, or set {_KEYS_VARIABLE}=write:KEY."
        )
    named = _indexes(index or [], indexes)
    settings = ServeSettings(
        indexes=named,
        directory=indexes,
        config=config,
        folders=_folders(folder or [], named, is_single=len(named) == 1 and indexes is None),
        feedback=feedback,
        open_indexes=open_indexes,
        keys=keys,
        tokens=tokens,
        hosts=_hosts(host, allowed_host or [], is_local=is_local),
        origins=frozenset(map(_origin, allowed_origin or [])),
        tokenizers=dict(map(_tokenizer, tokenizer or [])),
        reranker=_reranker(rerank),
        threads=threads,
        waiting=waiting,
        seconds=timeout,
        grace=grace,
        rate=rate,
        upload_megabytes=max_upload_mb,
    )
    server.run(settings, host=host, port=port)


def _check_variables(context: typer.Context) -> None:
    """A variable that is nearly called like one of ours sets nothing, such as SERVE_KEY. Raises ConfigError."""
    named = [_KEYS_VARIABLE, *(str(parameter.envvar) for parameter in context.command.params if parameter.envvar)]
    settings = [name.removeprefix(_PREFIX).lower() for name in named if name.startswith(_PREFIX)]
    if wrong := misspelt(os.environ, prefix=_PREFIX, settings=settings):
        raise ConfigError(wrong)


def _keys(file: Path | None) -> "Keys":
    """From the file and the environment together. Raises ConfigError."""
    from retrieval.adapters.http.keys import Keys

    given = os.environ.get(_KEYS_VARIABLE, "").replace(",", "\n").splitlines()
    from_environment = Keys.parse(given, origin=_KEYS_VARIABLE)
    return from_environment.with_file(file) if file is not None else from_environment


def _tokens(key: Path | None, issuer: str | None, audience: str | None, where: str | None) -> "Tokens | None":
    """Raises ConfigError."""
    from retrieval.adapters.http.tokens import Tokens

    if key is None:
        if issuer or audience or where:
            raise ConfigError("--token-issuer, --token-audience and --token-where go with --token-key.")
        return None
    if not issuer or not audience:
        raise ConfigError("--token-key needs --token-issuer and --token-audience: a token may be meant for others.")
    return Tokens.of(key, issuer=issuer, audience=audience, where=where)


def _hosts(host: str, allowed: list[str], *, is_local: bool) -> frozenset[str]:
    """The names that requests may call the service by; empty allows any."""
    from retrieval.adapters.http.settings import LOOPBACK

    named = {name.lower() for name in allowed}
    if is_local:
        named.add(host.lower())
    return LOOPBACK | named if named else frozenset()


def _origin(given: str) -> str:
    """An origin as browsers send it. Raises ConfigError for what is none."""
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or given.rstrip("/").count("/") != 2:
        raise ConfigError(
            f"--allowed-origin {given} is no origin; write https://app.example, with the port if it has one."
        )
    return given.rstrip("/").lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _indexes(given: list[str], directory: Path | None) -> dict[str, Path]:
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


def _folders(given: list[str], indexes: Mapping[str, Path], *, is_single: bool) -> dict[str, dict[str, Path]]:
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


def _tokenizer(given: str) -> "tuple[str, TokenCount]":
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


def _reranker(name: str | None) -> "ConfiguredReranker | None":
    """Loaded, so that a wrong name is known before the first request. Clients call a server's model by its own name,
    not by its address. Raises as `load_reranker`."""
    if name is None:
        return None
    from retrieval.adapters.http.settings import ConfiguredReranker
    from retrieval.endpoint_reranker import EndpointReranker
    from retrieval.rerankers import load_reranker

    model = load_reranker(name)
    return ConfiguredReranker(name=model.name if isinstance(model, EndpointReranker) else name, model=model)
