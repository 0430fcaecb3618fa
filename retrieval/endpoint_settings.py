"""The settings of a model that is asked over HTTP: what their values must be, and which go together."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from retrieval.errors import ConfigError

ENDPOINT = "openai:"
"""How the name of such a model begins."""

KEYS = ("encoder_api_key", "encoder_api_key_file")

RERANK_KEY = "rerank_api_key"
"""The key of a server that reranks: RETRIEVAL_RERANK_API_KEY, in the environment alone."""

CHAT_KEY = "chat_api_key"
"""The key of a server that writes questions: RETRIEVAL_CHAT_API_KEY, in the environment alone."""

_HERE = ("revision", "pooling", "output_layer")
"""Of a model that runs here."""

_THERE = ("encoder_max_tokens", "encoder_tokenizer")

OF_MODEL = {*_HERE, *_THERE, "truncate_dim", "query_prefix", "passage_prefix"}
"""Settings that mean nothing for another model, or that it was trained to have otherwise."""

ENDPOINT_SETTINGS = (*_HERE, *_THERE, *KEYS, "encoder_url")
"""What `check_model` looks at."""


def base_url(url: str) -> str:
    """The address without a slash or /embeddings at its end. Raises ValueError as `checked_url`.

    No part of it may be a secret, because an index remembers it.
    """
    url = checked_url(url, example="http://localhost:11434/v1", key="encoder_api_key")
    return url.removesuffix("/embeddings")


def checked_url(url: str, *, example: str, key: str) -> str:
    """The address without white space around it or a slash at its end. Raises ValueError, which repeats no part of it,
    for one that is none or may hold a secret, which belongs into `key`."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"write an address such as {example}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"write it without a user or a query, as in {example}; a key goes into {key}")
    return url.rstrip("/")


def checked_key(key: str) -> SecretStr | None:
    """An API key without the white space around it; None for an empty one. Raises ValueError for one that no header
    can carry, without naming it."""
    key = key.strip()
    if not re.fullmatch("[!-~]*", key):
        raise ValueError("a key is one word of ASCII characters")
    return SecretStr(key) if key else None


def key_in_environment(setting: str) -> SecretStr | None:
    """The key in the variable RETRIEVAL_SETTING, in any case; None where there is none. Raises ConfigError, which does
    not show the key, if it cannot be sent in a header."""
    variable = variable_of(setting)
    given = next((value for name, value in os.environ.items() if name.upper() == variable), "")
    try:
        return checked_key(given)
    except ValueError as error:
        raise ConfigError(f"{variable}: {error}.") from None


def key_in_file(file: Path, *, name: str) -> SecretStr:
    """The key in a file; `name` is the file's name in errors. Raises ConfigError if the file cannot be read or has no
    key."""
    try:
        key = checked_key(file.expanduser().read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {name} {file}: {error.strerror}.") from None
    except ValueError:
        key = None
    if key is None:
        raise ConfigError(f"{name} {file} holds no key: one word of ASCII characters.")
    return key


def variable_of(setting: str) -> str:
    """The environment variable of a setting."""
    return f"RETRIEVAL_{setting.upper()}"


def check_model(model: str, settings: Mapping[str, Any]) -> None:
    """Raises ValueError where one of ENDPOINT_SETTINGS does not go with the model or with another of them."""
    is_endpoint = model.startswith(ENDPOINT)
    for name in _THERE if not is_endpoint else _HERE:
        if settings[name] is not None:
            whose = "a model that runs here" if is_endpoint else f"model {ENDPOINT}NAME"
            raise ValueError(f"{name} belongs to {whose}, and model is {model}; leave it out")
    if is_endpoint and (settings["encoder_url"] is None or model == ENDPOINT):
        raise ValueError(
            f"model {ENDPOINT}NAME needs a name, and the server's address in encoder_url, such as "
            "http://localhost:11434/v1"
        )
    if all(settings[name] is not None for name in KEYS):
        raise ValueError(f"{' and '.join(KEYS)} are both set; give one")
