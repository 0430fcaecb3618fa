"""The settings and the model that made an index. It is never opened with others, which would mix vectors."""

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

from retrieval.analysis import Analyzer
from retrieval.config import AUTO, INDEX_SETTINGS, OPTIONAL_SETTINGS, Config
from retrieval.directory.pointer import Pointer
from retrieval.encoders import PASSED, Embedder, find_model, hash_weights, probe
from retrieval.endpoint_settings import ENDPOINT, KEYS
from retrieval.errors import IndexMismatchError
from retrieval.learned_fusion import shown
from retrieval.types import digest

_MODEL_NAMES = {"model", "revision", "trust_remote_code", "encoder_url", "encoder_tokenizer"}
"""Settings that name the model, its server and its tokenizer. Two names can mean the same; the hash of the weights and
of the tokenizer tells, and the vector that a server gives a text."""

_PREFIXES = ("query_prefix", "passage_prefix")

_SEARCH_FILES = 2
"""Version of what segments hold beside vectors and terms. Raise it when they hold more: then older segments are made
again, from the same chunks."""

_REBUILD = "rebuild it: `ingest sync --rebuild FOLDER`"
_WAY_OUT = f"Open it without that setting (an index remembers its own), or {_REBUILD}."


@dataclass(frozen=True)
class Fingerprint:
    """What an index was made with.

    settings   as Config.index_settings gives them
    weights    SHA-256 of the model's weights; the version of an encoder that a program passes; the name of a model
               that a server runs
    analyzer   Analyzer.fingerprint, which changes with the stemmer's version; the language; and the version of the
               search files. Where these differ, the search files are made again from the same chunks
    numerics   "fp32" where the vectors are as good as those of full precision; else the precision that made them
    probe      the vector that a server gave a text, as retrieval.encoders.probe keeps it; None for any other model
    """

    settings: dict[str, Any]
    weights: str
    pooling: str
    dimension: int
    max_seq_length: int
    tokenizer: str
    analyzer: dict[str, Any]
    numerics: str = "fp32"
    probe: str | None = None

    @classmethod
    def of(cls, config: Config, embedder: Embedder) -> Self:
        """Raises IndexMismatchError where fusion_weights were fitted to another model."""
        made_with = cls(
            settings={**config.index_settings(), **_prefixes(embedder)},
            weights=embedder.version,
            pooling=embedder.pooling,
            dimension=embedder.dimension,
            max_seq_length=embedder.max_seq_length,
            tokenizer=embedder.tokenizer_digest,
            analyzer=_analyzer(config.language),
            numerics=embedder.numerics,
            probe=embedder.probe,
        )
        made_with._check_fusion(config)
        return made_with

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        values = asdict(self)
        if self.probe is None:
            del values["probe"]  # so that the fingerprint of an older index is the same when it is written again
        return json.dumps(values, sort_keys=True)

    @property
    def current_analyzer(self) -> dict[str, Any]:
        """What `analyzer` would be if the index were made today."""
        return _analyzer(self.settings["language"])

    @cached_property
    def id(self) -> str:
        return digest(self.to_json())

    def embeds_like(self, other: "Fingerprint") -> bool:
        """Whether both give the same vector to the same string, without its prefix."""
        parts = ("weights", "pooling", "dimension", "tokenizer", "numerics")
        settings = ("passage_prefix", "trust_remote_code", "output_layer")
        return (
            all(getattr(self, part) == getattr(other, part) for part in parts)
            and all(self.settings.get(setting) == other.settings.get(setting) for setting in settings)
            and probe.is_same(self.probe, other.probe)
        )

    def moved_to(self, url: str | None) -> "Fingerprint":
        """With another address of the server that runs the model, to be remembered; itself for any other model."""
        if url is None or self.settings.get("encoder_url") in {None, url}:
            return self
        return replace(self, settings={**self.settings, "encoder_url": url})

    def check_config(self, config: Config, *, index: str) -> None:
        """Raises IndexMismatchError where the settings would give other vectors, chunks or terms."""
        self._check_fusion(config)
        wanted = config.index_settings()
        for name in INDEX_SETTINGS:
            if (
                name not in _MODEL_NAMES
                and not (name in _PREFIXES and wanted[name] == AUTO)
                and (made := self.settings.get(name)) != (now := wanted.get(name))
            ):
                raise IndexMismatchError(f"The index {index} was built with {name}={made!r}, not {now!r}. {_WAY_OUT}")
        if self.settings["model"] != config.model and any(
            m.startswith((PASSED, ENDPOINT)) for m in (self.settings["model"], config.model)
        ):
            raise IndexMismatchError(
                f"The index {index} was built with the model {self.settings['model']}, not {config.model}. {_WAY_OUT}"
            )
        if any(self.settings[name] != wanted[name] for name in ("model", "revision")):
            self._check_weights(hash_weights(find_model(config.model, revision=config.revision)), config, index=index)

    def check_embedder(self, embedder: Embedder, config: Config, *, index: str) -> None:
        """Raises IndexMismatchError where the loaded model is not the one that made the index."""
        self._check_weights(embedder.version, config, index=index)
        for name in ("pooling", "dimension", "max_seq_length"):
            made, loaded = getattr(self, name), getattr(embedder, name)
            if made != loaded:
                raise IndexMismatchError(
                    f"The index {index} was built with {name} {made}, and {config.model} now has {loaded}; restore the "
                    f"model as it was, or {_REBUILD}."
                )
        for name, prefix in _prefixes(embedder).items():
            if prefix != self.settings[name]:
                raise IndexMismatchError(
                    f"The index {index} was built with {name}={self.settings[name]!r}, not {prefix!r}. {_WAY_OUT}"
                )
        if embedder.tokenizer_digest != self.tokenizer:
            raise IndexMismatchError(
                f"The index {index} was built with another tokenizer than {config.model} has now; restore the model "
                f"as it was, or {_REBUILD}."
            )
        if not probe.is_same(self.probe, embedder.probe):
            raise IndexMismatchError(
                f"The server at {config.encoder_url} runs another model as {config.model} than the one that made the "
                f"index {index}: it gives a text another vector than then{_cosine(self.probe, embedder.probe)}. Name "
                f"the server or the model that made it, or {_REBUILD}."
            )

    def check_numerics(self, embedder: Embedder, *, index: str) -> None:
        """Raises IndexMismatchError where passages would get vectors that do not belong among those of the index."""
        if embedder.numerics != self.numerics:
            raise IndexMismatchError(
                f"The index {index} holds {self.numerics} vectors, and those of {embedder.numerics} differ too much to "
                f"be mixed with them: set `precision: {self.numerics}`, or {_REBUILD}."
            )

    def _check_fusion(self, config: Config) -> None:
        """Whatever `fusion` is: a search may ask for the learned one."""
        if config.fusion_weights is not None and not config.fusion_weights.is_for(self.weights):
            raise IndexMismatchError(
                f"The fusion_weights were fitted to another model (weights {config.fusion_weights.model}) than "
                f"{self.settings['model']} (weights {shown(self.weights)}); leave them out, or fit others with "
                "`retrieve tune`."
            )

    def _check_weights(self, weights: str, config: Config, *, index: str) -> None:
        if weights != self.weights:
            raise IndexMismatchError(
                f"The index {index} was built with the model {self.settings['model']} (weights {self.weights[:12]}), "
                f"not {config.model} (weights {weights[:12]}). {_WAY_OUT}"
            )


def remembered_settings(pointer: Pointer | None) -> dict[str, Any]:
    """The settings that an existing index was made with, for a caller who gives none; empty without a pointer.

    Those that it does not have are None, so that Config(**remembered) takes none from the environment. The consent to
    run code that comes with a model is not among them, and no key. Each caller has to give these, because the index may
    come from somebody else.
    """
    if pointer is None:
        return {}
    if not pointer.fingerprint:
        return {**pointer.chroma, "trust_remote_code": False}
    made_with = Fingerprint.from_json(pointer.fingerprint)
    precision = {} if made_with.numerics == "fp32" else {"precision": made_with.numerics}
    lacking = dict.fromkeys((*OPTIONAL_SETTINGS, *KEYS))
    return {**pointer.chroma, **lacking, **made_with.settings, **precision, "trust_remote_code": False}


def _cosine(one: str | None, other: str | None) -> str:
    return f" (cosine {probe.cosine(one, other):.3f})" if one and other else ""


def _prefixes(embedder: Embedder) -> dict[str, str]:
    """The settings that name them."""
    return dict(zip(_PREFIXES, embedder.prefixes, strict=True))


def _analyzer(language: str) -> dict[str, Any]:
    """The rules and stemmers that any language's text goes through, and the language, which may be "auto"."""
    return {**Analyzer("english").fingerprint, "language": language, "search_files": _SEARCH_FILES}
