"""`retrieve serve`: the index over HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from retrieval import serve_names_cli as names
from retrieval.config_errors import misspelt
from retrieval.console import ConfigOption
from retrieval.errors import ConfigError

_PREFIX = "SERVE_"


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

    keys, is_local = names.keys(keys_file), names.is_loopback(host)
    tokens = names.tokens(token_key, token_issuer, token_audience, token_where)
    if not is_local and not keys and tokens is None:
        raise ConfigError(
            f"--host {host} opens the index to other machines, and there is no API key: name a file with --keys-file, "
            f"which `retrieve keys add` makes, or set {names.KEYS_VARIABLE}=write:KEY."
        )
    named = names.indexes(index or [], indexes)
    settings = ServeSettings(
        indexes=named,
        directory=indexes,
        config=config,
        folders=names.folders(folder or [], named, is_single=len(named) == 1 and indexes is None),
        feedback=feedback,
        open_indexes=open_indexes,
        keys=keys,
        tokens=tokens,
        hosts=names.hosts(host, allowed_host or [], is_local=is_local),
        origins=frozenset(map(names.origin, allowed_origin or [])),
        tokenizers=dict(map(names.tokenizer, tokenizer or [])),
        reranker=names.reranker(rerank),
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
    named = [names.KEYS_VARIABLE, *(str(parameter.envvar) for parameter in context.command.params if parameter.envvar)]
    settings = [name.removeprefix(_PREFIX).lower() for name in named if name.startswith(_PREFIX)]
    if wrong := misspelt(os.environ, prefix=_PREFIX, settings=settings):
        raise ConfigError(wrong)
