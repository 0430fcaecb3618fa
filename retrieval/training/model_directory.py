"""A trained model as a directory that the setting `model` can name, with settings and a card of its own."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.config import Config
from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.model_comparison.report import settings_file_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SETTINGS = "config.yaml"
CARD = "README.md"


def check_directory(directory: Path) -> None:
    """Raises ConfigError for one that holds something, or a file."""
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        raise ConfigError(f"{directory} is there already; name a directory that is not, or remove it.")


def save_model(model: "SentenceTransformer", directory: Path, *, config: Config, prompts: Prompts, card: str) -> Config:
    """Write the whole directory, or nothing. Returns the settings that its config.yaml holds: those that are given,
    with this model and the prefixes that it was trained with, which its own configuration names, too.

    Raises ConfigError as `check_directory`, and OSError.
    """
    check_directory(directory)
    trained = Config(
        **{
            **config.model_dump(include=set(config.model_fields_set)),
            "model": str(directory.resolve()),
            "revision": None,
            "pooling": None,
            "query_prefix": prompts.query,
            "passage_prefix": prompts.passage,
        }
    )
    partial = directory.with_name(f"{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        model.prompts = {"query": prompts.query, "document": prompts.passage}
        model.save_pretrained(str(partial), create_model_card=False)
        note = "Trained on documents of one's own; README.md tells how, and whether it is better than what it began as."
        (partial / SETTINGS).write_text(settings_file_of(trained, [note]), "utf-8")
        (partial / CARD).write_text(card, "utf-8")
        if directory.is_dir():
            directory.rmdir()
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return trained
