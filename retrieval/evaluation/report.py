"""An evaluation as files: runs that trec_eval reads, and every query's figures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.measures import JudgedRun
from retrieval.evaluation.runs import escaped, write_qrels, write_run
from retrieval.evaluation.tables import learned_in_words
from retrieval.evaluation.tuning import Tuning


def write_report(directory: Path, collection: Collection, judged: Mapping[str, JudgedRun]) -> None:
    """Write `<name>.run` for each run, `qrels.txt` with the same ids, and `per-query.tsv`; older ones are replaced.

    Raises ConfigError where the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_qrels(directory / "qrels.txt", collection.qrels)
        for name, answers in judged.items():
            write_run(directory / f"{name}.run", answers.run, tag=name)
        (directory / "per-query.tsv").write_text(_per_query(collection, judged), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The runs cannot be written to {directory}: {error.strerror}.") from error


def _per_query(collection: Collection, judged: Mapping[str, JudgedRun]) -> str:
    lines = ["query\tmode\tmeasure\tvalue\ttext\n"]
    for query, text in collection.queries.items():
        on_one_line = " ".join(text.split())
        for mode, answers in judged.items():
            for measure, values in answers.figures.values.items():
                lines.append(f"{escaped(query)}\t{mode}\t{measure}\t{values[query]:.6f}\t{on_one_line}\n")
    return "".join(lines)


def tuned_config(config: Config, tuning: Tuning, *, collection: str) -> str:
    """YAML that `Config.load` reads: the settings that are not the defaults, and what tuning recommends.

    The headers for a Chroma server may hold a secret and are left out.
    """
    present = config.model_dump(mode="json", exclude_defaults=True, exclude={"chroma_headers"})
    low, high = tuning.interval
    comment = [
        f"Tuned on {json.dumps(collection, ensure_ascii=False)}: {tuning.queries} queries, {tuning.measure}.",
        f"Out-of-fold gain over the settings before: {tuning.gain:+.4f}, 95% interval [{low:+.4f}, {high:+.4f}].",
    ]
    if tuning.learned is not None:
        comment.append(learned_in_words(tuning))
    if tuning.keeps_present:
        comment.append("That cannot be told from 0, so the settings before are kept.")
    if config.chroma_headers:
        comment.append("chroma_headers are left out: set them here or as RETRIEVAL_CHROMA_HEADERS.")
    chosen: dict[str, Any] = {**present, **tuning.recommended._asdict()}
    if tuning.fusion_weights is not None:
        chosen["fusion_weights"] = tuning.fusion_weights.model_dump(mode="json")
    settings = yaml.safe_dump(chosen, sort_keys=False, allow_unicode=True)
    return "".join(f"# {line}\n" for line in comment) + settings
