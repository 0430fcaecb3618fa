"""A comparison as JSON, and a recommended model as a configuration file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from retrieval.config import Config
from retrieval.encoders import PACKAGED
from retrieval.errors import ConfigError
from retrieval.model_comparison.comparison import Comparison
from retrieval.model_comparison.tables import caveats, recommendation_in_words
from retrieval.model_comparison.trial import MEASURES, Candidate, Trial

_SECRET = {"chroma_headers", "encoder_api_key"}


def comparison_as_dict(comparison: Comparison, candidates: dict[str, Candidate]) -> dict[str, Any]:
    """For JSON. `candidates` by label."""
    return {
        "documents": comparison.name,
        "questions": {"kind": comparison.kind, "count": comparison.questions},
        "notes": [*comparison.notes, *caveats(comparison)],
        "models": {
            label: {
                "model": candidates[label].config.model,
                **_trial_as_dict(trial),
                "quality": {
                    mode: {
                        measure: {"mean": estimate.mean, **estimate.interval._asdict()}
                        for measure, estimate in estimates.items()
                    }
                    for mode, estimates in comparison.quality.get(label, {}).items()
                },
                "p_values": dict(comparison.p_values.get(label, {})),
            }
            for label, trial in comparison.trials.items()
        },
        "not_compared": dict(comparison.refused),
        "recommended": None if comparison.recommendation is None else comparison.recommendation.label,
        "recommendation": recommendation_in_words(comparison),
        "p_value_against_bm25": comparison.p_value_against_bm25,
    }


def _trial_as_dict(trial: Trial) -> dict[str, Any]:
    facts = trial.facts
    space = asdict(trial.space)
    space["token_histogram"] = [length._asdict() for length in trial.space.token_histogram]
    return {
        "dimension": facts.dimension,
        "max_seq_length": facts.max_seq_length,
        "languages": facts.languages,
        "size_bytes": facts.size,
        "query_prefix": facts.prefixes[0],
        "passage_prefix": facts.prefixes[1],
        "tokens_per_second": trial.tokens_per_second,
        "query_milliseconds": trial.query_milliseconds,
        "peak_memory_bytes": trial.memory,
        "chunks": trial.chunks,
        "chunk_limit": trial.chunk_limit,
        "sections_cut": trial.cut,
        "document_languages": dict(trial.languages),
        "embeddings": space,
    }


def config_of(comparison: Comparison, candidates: dict[str, Candidate]) -> str:
    """YAML that `Config.load` reads: the settings of the recommended model that are not the defaults, without secrets.

    Raises ConfigError where none is recommended.
    """
    if comparison.recommendation is None:
        raise ConfigError(recommendation_in_words(comparison))
    config = candidates[comparison.recommendation.label].config
    comment = [
        f"Compared on {json.dumps(comparison.name, ensure_ascii=False)}: {comparison.questions} {comparison.kind} "
        f"questions, hybrid {MEASURES[0]}.",
        recommendation_in_words(comparison),
    ]
    return settings_file_of(config, comment)


def settings_file_of(config: Config, comment: Sequence[str], *, model: str | None = None) -> str:
    """YAML that `Config.load` reads: the settings that are not the defaults, without secrets, below a comment's lines.

    model   as the file is to name it; None is by its whole path
    """
    present = config.model_dump(mode="json", exclude_defaults=True, exclude=_SECRET)
    if left_out := sorted(name for name in _SECRET if getattr(config, name)):
        comment = [*comment, f"Secrets are left out ({', '.join(left_out)}): set them in the environment."]
    settings = yaml.safe_dump({**present, "model": model or _model(config)}, sort_keys=False, allow_unicode=True)
    return "".join(f"# {' '.join(line.split())}\n" for line in comment) + settings  # a directory's name may have lines


def _model(config: Config) -> str:
    """A directory by its whole path, since the file may be used from elsewhere."""
    directory = Path(config.model).expanduser()
    is_name = config.is_endpoint or config.model in PACKAGED
    return config.model if is_name or not directory.is_dir() else str(directory.resolve())
