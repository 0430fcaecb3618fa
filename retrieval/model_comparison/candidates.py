"""What a user calls a model -> the settings that it runs with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from retrieval.config import MODEL_SETTINGS, Config, base_for
from retrieval.encoders import PACKAGED, PASSED
from retrieval.errors import ConfigError
from retrieval.model_comparison.trial import Candidate
from retrieval.presets import presets

_YAML = {".yaml", ".yml"}
_OF_FILE = {*MODEL_SETTINGS, "query_prefix", "passage_prefix"}
"""What a configuration file says of its model, though the environment may name another."""


class Candidates(NamedTuple):
    """The models to compare, and by name why others cannot be."""

    found: tuple[Candidate, ...]
    refused: dict[str, str]


def named_candidates(names: Sequence[str], shared: Config) -> Candidates:
    """Those of a command line: values of `model`, names of presets, and configuration files.

    shared   the settings of all; what they say of a model goes with that model alone
    """
    found: list[Candidate] = []
    refused: dict[str, str] = {}
    stems = [Path(name).stem for name in names]
    for name, stem in zip(names, stems, strict=True):
        try:
            if Path(name).suffix in _YAML:
                label = stem if stems.count(stem) == 1 else name
                found.append(Candidate(label, _of_file(Path(name), shared)))
            elif name in presets() and not Path(name).is_dir():
                found.append(Candidate(name, _of_preset(presets()[name], shared)))
            else:
                found.append(Candidate(name, _of_model(name, shared)))
        except ConfigError as error:
            refused[name] = str(error)
    return Candidates(tuple(found), refused)


def own_candidate(shared: Config) -> tuple[Candidate, ...]:
    """The model that a configuration, or an index, names; nothing where it names none, or a program passed it."""
    is_named = "model" in shared.model_fields_set and not shared.model.startswith(PASSED)
    return (Candidate(shared.model, shared),) if is_named else ()


def preset_candidates(shared: Config, *others: Candidate) -> Candidates:
    """The others, and all presets that name a model. A server is asked only if somebody names it: the documents would
    be sent there."""
    found = list(others)
    refused: dict[str, str] = {}
    for name, file in presets().items():
        if "model" not in _read(file):
            continue
        config = _of_preset(file, shared)
        if config.is_endpoint:
            refused[name] = "a server runs it, which would be sent the documents; name it to compare it."
        else:
            label = name if name != "default" else config.model  # which says more
            found += [Candidate(label, config)] if label not in {each.label for each in found} else []
    return Candidates(tuple(found), refused)


def is_on_hub(config: Config) -> bool:
    """Whether the model is named as one on the model hub."""
    name = config.model
    return not (name in PACKAGED or config.is_endpoint or Path(name).expanduser().is_dir())


def _of_model(name: str, shared: Config) -> Config:
    if name == shared.model:
        return shared
    return Config(**{**base_for(name, _given(shared)), "model": name})


def _of_file(file: Path, shared: Config) -> Config:
    """Raises ConfigError for a file that is none of settings."""
    base = _given(shared)
    Config.load(file, base=base)  # which says of every problem where it stands
    return Config.load(file, base=base, **{name: value for name, value in _read(file).items() if name in _OF_FILE})


def _of_preset(file: Path, shared: Config) -> Config:
    """Where a preset lists the defaults too, these do not count."""
    values, loaded, defaults = _read(file), Config.load(file), Config.model_construct()
    own = {
        name: values[name] if name in _OF_FILE else getattr(loaded, name)
        for name in values
        if name in _OF_FILE or getattr(loaded, name) != getattr(defaults, name)
    }
    return Config(**{**base_for(own.get("model"), _given(shared)), **own})


def _given(shared: Config) -> dict[str, Any]:
    """The settings that somebody made."""
    return shared.model_dump(include=set(shared.model_fields_set))


def _read(file: Path) -> dict[str, Any]:
    values = yaml.safe_load(file.read_text("utf-8"))
    return values if isinstance(values, dict) else {}
