"""The settings: file < environment < arguments, all flat, all checked."""

import json
import os
import re
import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from retrieval.analysis import Analyzer
from retrieval.config_errors import explain, misspelt
from retrieval.endpoint_settings import (
    CHAT_KEY,
    ENDPOINT,
    ENDPOINT_SETTINGS,
    KEYS,
    OF_MODEL,
    RERANK_KEY,
    base_url,
    check_model,
    checked_key,
)
from retrieval.errors import ConfigError
from retrieval.learned_fusion import FusionWeights
from retrieval.presets import preset_hint, settings_file

Pooling = Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Mode = Literal["hybrid", "dense", "lexical"]
FusionMethod = Literal["dbsf", "rrf", "convex", "learned"]
Feedback = Literal["none", "dense", "lexical", "both"]
Bm25Variant = Literal["bm25", "bm25l", "bm25plus"]
Bm25Idf = Literal["lucene", "okapi"]
Backend = Literal["torch", "onnx", "openvino"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]

PRECISIONS: Mapping[str, tuple[Precision, ...]] = MappingProxyType(
    {"torch": ("fp32", "bf16", "fp16"), "onnx": ("fp32", "int8"), "openvino": ("fp32", "bf16")}
)
"""What each backend can be asked for."""

_PREFIX = "RETRIEVAL_"

AUTO = "auto"
"""The language: detect that of each document. Prefixes: those of the model."""


class Config(BaseModel):
    """Everything that can be set. Unknown names are refused; a Config does not change once made.

    `Config(...)` reads arguments over RETRIEVAL_* environment variables over the defaults below; `Config.load` puts a
    YAML file between the environment and the defaults. Raises ConfigError, naming the setting, where it was set, and
    what is wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # What turns text into vectors. An index remembers these and refuses others.
    model: str = Field("packaged", min_length=1)
    """"packaged" (all-MiniLM-L6-v2, installed with this package), "packaged-multilingual" (multilingual-e5-small, extra
    `multilingual`), a directory (in a file of settings, "." is the one that the file lies in), a name on the model hub,
    or "openai:NAME" at `encoder_url`."""
    revision: str | None = None
    """Commit or tag of a model on the hub."""
    trust_remote_code: bool = False
    """Run code that comes with the model."""
    pooling: Pooling | None = None
    """For a bare transformer only; a sentence-transformers model brings its own."""
    output_layer: int | None = None
    """Which of the transformer's hidden states is pooled: 0 is the embeddings, -1 the last layer; None is the model's
    own, its last."""
    truncate_dim: int | None = Field(None, ge=1)
    """How many components of a vector are kept, from the first, for Matryoshka models; None is as the model says, else
    all."""
    query_prefix: str = AUTO
    passage_prefix: str = AUTO
    """Put before what is embedded; "auto" is what the model was trained with, else "query: " and "passage: "."""
    encoder_url: str | None = None
    """For openai:NAME, what stands before /embeddings: http://localhost:11434/v1. An index remembers it, and is opened
    with another one too."""
    encoder_max_tokens: int | None = Field(None, ge=1)
    """For openai:NAME, tokens that the model reads, special tokens included; None is 512."""
    encoder_tokenizer: str | None = Field(None, min_length=1)
    """For openai:NAME, what counts those tokens: as `model`, a directory or a name on the hub. None estimates them: a
    token for up to three letters of a to z, and for each other character."""

    # What turns documents into chunks.
    chunk_size: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Tokens of the whole embedded string, prefix and special tokens included; "auto" is the model's limit."""
    chunk_overlap: int = Field(0, ge=0)
    """Tokens that neighbouring chunks may share."""
    context_header: bool = True
    """Put document title and heading path before each chunk for embedding and BM25, which counts their words twice."""

    # What turns text into terms, and terms into scores.
    language: str = AUTO
    """Stop words and stemmer: "auto" finds each document's language; else a Snowball language, or "none"."""
    bm25_variant: Bm25Variant = "bm25"
    bm25_idf: Bm25Idf | None = None
    """None is the variant's own."""
    bm25_k1: float = Field(1.5, ge=0)
    bm25_b: float = Field(0.75, ge=0, le=1)
    bm25_delta: float | None = Field(None, ge=0)
    """What bm25l and bm25plus add for a term that occurs; None is the variant's own."""

    # How folders are read.
    include: tuple[str, ...] = ()
    """gitignore patterns; where there are any, only files that match one are read."""
    exclude: tuple[str, ...] = ()
    """gitignore patterns of files and folders to leave out."""
    max_file_mb: float = Field(50, gt=0)
    """Megabytes (10**6 bytes) of a file, and of what a compressed one holds, at most."""
    parse_workers: int = Field(2, ge=1)
    """Processes that read, parse and chunk files, at most: another starts where files are waited for."""
    parse_seconds: float = Field(120, gt=0)
    """Wall-clock seconds that one file may take to be parsed and chunked; beyond 10 MB in proportion more."""
    parse_memory_mb: int = Field(1024, ge=256)
    """Megabytes of memory that parsing one file may take."""
    ocr_command: str | None = None
    """Makes text of a PDF that has none: reads it from standard input, writes one with text to standard output."""
    converters: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    """Suffix -> command that reads such files, from standard input or the path that stands for {input}, and writes text
    or HTML to standard output."""

    # How searches are answered unless they say otherwise.
    fusion: FusionMethod = "dbsf"
    fusion_weights: FusionWeights | None = None
    """Of `fusion: learned`; `retrieve tune` writes them."""
    alpha: float = Field(0.6, ge=0, le=1)
    """Weight of the dense side: 1 is dense alone, 0 is BM25 alone."""
    smoothing: float = Field(0.15, ge=0, le=1)
    """How far a hybrid score moves towards the mean of those of the most similar passages: 0 not at all."""
    feedback: Feedback = "none"
    """Which side asks again with what its first answers have in common."""

    # Where the work is done.
    device: str | None = None
    """torch device; None takes a GPU where there is one."""
    backend: Literal["auto", Backend] = "auto"
    """What runs the model; "auto" is torch on a GPU, else the fastest that is installed and gives the same vectors."""
    precision: Literal["auto", Precision] = "auto"
    """Of the matrix products that embed passages: "auto" is the fastest that the processor has and that gives the same
    vectors, by a mean cosine of at least .9999 to fp32's. Queries are embedded in fp32."""
    batch_tokens: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Tokens embedded at once, padding included; "auto" is 2,048, on a GPU 65,536, and 16,384 for an endpoint."""
    encoder_api_key: SecretStr | None = None
    """For openai:NAME, if it needs one. It is sent to an `encoder_url` that is set beside it, and never to one that an
    index remembers: the index may come from somebody else."""
    encoder_api_key_file: Path | None = None
    """A file that holds that key."""
    encoder_requests: int = Field(4, ge=1)
    """Requests to an endpoint under way at once, at most."""
    encoder_seconds: float = Field(60, gt=0)
    """Seconds that an endpoint may take to answer a request."""
    store: Literal["chroma", "milvus"] = "chroma"
    """What keeps the index: Chroma with search files beside it, or, past one machine, a Milvus that finds candidates
    too (extra `milvus`; docs/past-one-machine.md)."""
    store_uri: str | None = Field(None, min_length=1)
    """For `store: milvus`, its address: http://HOST:19530."""
    store_token: SecretStr | None = None
    """For `store: milvus`, USER:PASSWORD or an API key, if it needs one."""
    store_name: str = Field("retrieval", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")
    """For `store: milvus`, how the names of the index's collections begin; indexes that share one need a name each."""
    chroma_host: str | None = None
    """A Chroma server (`chroma run`); None keeps an embedded Chroma in the index directory."""
    chroma_port: int = Field(8000, ge=1, le=65535)
    chroma_ssl: bool = False
    chroma_headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with each request, for a proxy that authenticates."""
    chroma_tenant: str = "default_tenant"
    chroma_database: str = "default_database"
    """Indexes that share a server need a database each."""

    def __init__(self, places: Mapping[str, str] = MappingProxyType({}), /, **values: Any) -> None:
        """`places`: where `values` are from, by their names, as an error is to say it."""
        settings = type(self).model_fields
        if wrong := misspelt(os.environ, prefix=_PREFIX, settings=[*settings, RERANK_KEY, CHAT_KEY]):
            raise ConfigError(wrong)
        environment = _from_environment(settings)
        try:
            super().__init__(**{**environment, **values})
        except ValidationError as error:
            variables = {name: _PREFIX + name.upper() for name in environment.keys() - values.keys()}
            problems = error.errors(include_url=False)
            text = explain(problems, settings=settings, places={**variables, **places}, secret=_SECRET)
            raise ConfigError(text) from None

    @field_validator("include", "exclude", "chroma_headers", "converters", mode="before")
    @classmethod
    def _from_text(cls, value: Any, info: ValidationInfo) -> Any:
        """The environment has them as JSON; and one pattern does not need a list."""
        if not isinstance(value, str):
            return value
        with suppress(ValueError):
            read = json.loads(value)
            if isinstance(read, list | dict):
                return read
        return value if info.field_name in {"chroma_headers", "converters"} else (value,)

    @field_validator("converters")
    @classmethod
    def _by_suffix(cls, converters: dict[str, str]) -> dict[str, str]:
        """By suffixes in lower case with their dot: "DOC" is ".doc"."""
        return {_checked_suffix(suffix): _checked_command(command) for suffix, command in converters.items()}

    @field_validator("fusion_weights", mode="before")
    @classmethod
    def _weights(cls, value: Any) -> FusionWeights | None:
        return value if value is None or isinstance(value, FusionWeights) else FusionWeights.read(value)

    @field_validator("encoder_url")
    @classmethod
    def _base_url(cls, url: str | None) -> str | None:
        return url if url is None else base_url(url)

    @field_validator("store_uri")
    @classmethod
    def _address(cls, uri: str | None) -> str | None:
        if uri is not None and not uri.startswith(("http://", "https://")):
            raise ValueError("it is no address of a server; write http://HOST:19530")
        if uri is not None and "@" in uri:
            raise ValueError("it has a name or a password in it; put USER:PASSWORD into store_token")
        return uri

    @field_validator("encoder_api_key")
    @classmethod
    def _as_sent(cls, key: SecretStr | None) -> SecretStr | None:
        return key if key is None else checked_key(key.get_secret_value())

    @field_validator("language")
    @classmethod
    def _known(cls, language: str) -> str:
        """Its one name: "en" and "English" are "english"."""
        return AUTO if language.strip().lower() == AUTO else Analyzer(language).language

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.chunk_size, int) and self.chunk_overlap * 2 > self.chunk_size:
            raise ValueError(f"chunk_overlap {self.chunk_overlap} is more than half of chunk_size {self.chunk_size}")
        if self.bm25_delta is not None and self.bm25_variant == "bm25":
            raise ValueError("bm25_delta belongs to bm25_variant bm25l or bm25plus; plain bm25 has none")
        if self.fusion == "learned" and self.fusion_weights is None:
            raise ValueError("fusion learned needs fusion_weights, which `retrieve tune --output FILE` writes")
        if "auto" not in (self.backend, self.precision) and self.precision not in PRECISIONS[self.backend]:
            offers = ", ".join(PRECISIONS[self.backend])
            raise ValueError(f"backend {self.backend} has no precision {self.precision}; it has {offers}")
        if self.store == "milvus" and self.store_uri is None:
            raise ValueError("store milvus needs store_uri, the address of the server: http://HOST:19530")
        if self.store == "chroma" and (self.store_uri is not None or self.store_token is not None):
            raise ValueError("store_uri and store_token belong to store milvus; set `store: milvus` too")
        if self.store == "milvus" and self.chroma_host is not None:
            raise ValueError("chroma_host belongs to store chroma; leave it out with `store: milvus`")
        check_model(self.model, {name: getattr(self, name) for name in ENDPOINT_SETTINGS})
        return self

    @classmethod
    def load(cls, file: Path | str | None = None, *, base: Mapping[str, Any] | None = None, **overrides: Any) -> Self:
        """Settings from `overrides` over the environment over `file` over `base`, over the defaults. A file may be
        named by its path, or by the name of a preset.

        What `base` says of a model is left out where another model is named. Where the address of an endpoint comes
        from `base`, there is no key for it.
        """
        from_file = _read_yaml(settings_file(file)) if file is not None else {}
        environment = _from_environment(cls.model_fields)
        named = {**from_file, **environment, **overrides}
        known = base_for(named.get("model"), base or {})
        below = {name: value for name, value in {**known, **from_file}.items() if name not in environment}
        places = dict.fromkeys(from_file.keys() & below.keys() - overrides.keys(), f"in {file}")
        keyless = dict.fromkeys(KEYS) if known.get("encoder_url") and "encoder_url" not in named else {}
        return cls(places, **{**below, **keyless, **overrides})

    @property
    def is_endpoint(self) -> bool:
        """Whether the model is asked over HTTP."""
        return self.model.startswith(ENDPOINT)

    @property
    def bm25(self) -> dict[str, Any]:
        """The parameters of a LexicalIndex."""
        return {name: getattr(self, f"bm25_{name}") for name in ("variant", "idf", "k1", "b", "delta")}

    @property
    def max_file_bytes(self) -> int:
        """`max_file_mb` in bytes."""
        return int(self.max_file_mb * 10**6)

    def index_settings(self) -> dict[str, Any]:
        """The settings that an index is made with, JSON-able: another value would give other vectors or chunks."""
        settings = self.model_dump(include=set(INDEX_SETTINGS))
        if not self.is_endpoint:
            settings["encoder_url"] = None
        return {name: value for name, value in settings.items() if value is not None or name not in OPTIONAL_SETTINGS}

    def server_settings(self) -> dict[str, Any]:
        """Which server keeps the truth, JSON-able, without secrets; empty where Chroma is embedded."""
        if self.store == "milvus":
            return self.model_dump(include=set(STORE_SETTINGS))
        return self.model_dump(include=set(SERVER_SETTINGS)) if self.chroma_host else {}

    def kept_locally(self) -> Self:
        """The same for an index that no server keeps, such as one that is made for a while."""
        return self.model_copy(update={"chroma_host": None, "store": "chroma", "store_uri": None, "store_token": None})


SERVER_SETTINGS = ("chroma_host", "chroma_port", "chroma_ssl", "chroma_tenant", "chroma_database")

STORE_SETTINGS = ("store", "store_uri", "store_name")

MODEL_SETTINGS = (
    "model", "revision", "trust_remote_code", "pooling", "output_layer", "truncate_dim", "encoder_url",
    "encoder_max_tokens", "encoder_tokenizer",
)  # fmt: skip

INDEX_SETTINGS = (
    *MODEL_SETTINGS, "query_prefix", "passage_prefix", "chunk_size", "chunk_overlap", "context_header", "language",
)  # fmt: skip

OPTIONAL_SETTINGS = ("output_layer", "truncate_dim", "encoder_url", "encoder_max_tokens", "encoder_tokenizer")
"""Left out where they are None, as in indexes that were made before there were such settings."""

_SECRET = {"chroma_headers", "encoder_api_key", "store_token", "store_uri"}


def base_for(model: str | None, base: Mapping[str, Any]) -> dict[str, Any]:
    """The base of `Config.load` without what belongs to its model, where that is not the model that is named."""
    if model is None or model == base.get("model"):
        return dict(base)
    return without_learned_fusion({name: value for name, value in base.items() if name not in OF_MODEL})


def without_learned_fusion(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without a learned fusion, which another model cannot use."""
    left_out = {"fusion_weights", *(["fusion"] if settings.get("fusion") == "learned" else [])}
    return {name: value for name, value in settings.items() if name not in left_out}


def for_another_model(config: Config) -> Config:
    """The configuration with the default in place of a learned fusion, which another model cannot use."""
    fusion = Config.model_fields["fusion"].default if config.fusion == "learned" else config.fusion
    return config.model_copy(update={"fusion": fusion, "fusion_weights": None})


def _checked_suffix(suffix: str) -> str:
    name = "." + suffix.lower().removeprefix(".")
    if not re.fullmatch(r"\.[^./\s]+", name):
        raise ValueError(f"{suffix!r} is not a suffix; write one such as .doc")
    if name in {".gz", ".bz2", ".xz"}:
        raise ValueError(f"files with {name} are unpacked before they are read; write the suffix before it")
    return name


def _checked_command(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{command!r} is no command ({error})") from None
    if not words:
        raise ValueError("a command must not be empty")
    return command


def _from_environment(settings: Collection[str]) -> dict[str, str]:
    """What RETRIEVAL_* variables, in capitals or not, say of the settings, by the settings' names."""
    found = {
        name.upper().removeprefix(_PREFIX).lower(): name for name in os.environ if name.upper().startswith(_PREFIX)
    }
    return {setting: os.environ[variable] for setting, variable in found.items() if setting in settings}


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml  # only a configuration file needs it

    try:
        values = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        hint = preset_hint(file) if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"Cannot read the configuration {file}: {error.strerror}{hint}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not YAML: {' '.join(str(error).split())}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{file} holds a {type(values).__name__}; settings are `name: value` lines.")
    settings = {str(key): value for key, value in values.items()}
    return {**settings, "model": str(file.resolve().parent)} if settings.get("model") == "." else settings
