"""A trained model as a directory that the setting `model` can name, with its own settings and card."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.config import SERVER_SETTINGS, Config, for_another_model
from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.model_comparison.report import settings_file_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SETTINGS = "config.yaml"
CARD = "README.md"


def check_directory(directory: Path) -> None:
    """Raises ConfigError for a directory that is not empty or cannot be made."""
    if directory.is_mount():
        raise ConfigError(f"{directory} is where something is mounted; name a directory in it.")
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise ConfigError(f"{directory} is there already; name a directory that is not, or remove it.")
    above = next(path for path in directory.parents if path.exists())
    if not above.is_dir():
        raise ConfigError(f"{directory} cannot be made: {above} is not a directory; name another.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(f"{directory} cannot be made: {above} cannot be written to; name another.")


def save_model(model: "SentenceTransformer", directory: Path, *, config: Config, prompts: Prompts) -> None:
    """Write the whole directory, but for its card, or nothing.

    Its config.yaml holds the given settings with this model and the prefixes that it was trained with, which its own
    configuration names, too. It names the model as ".", its own directory, so that the directory can be moved. Settings
    of a Chroma server are left out.

    Raises OSError.
    """
    settings = trained_settings(config, directory, prompts)
    partial = directory.with_name(f"{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        model.prompts = {"query": prompts.query, "document": prompts.passage}
        model.save_pretrained(str(partial), create_model_card=False)
        note = "README.md tells how the model was trained, and whether it is better than the base model."
        (partial / SETTINGS).write_text(settings_file_of(settings, [note], model="."), "utf-8")
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def trained_settings(config: Config, directory: Path, prompts: Prompts) -> Config:
    """The settings of a trained model that is saved to the directory. The environment does not change them. A fusion
    that was fitted to the base model is left out."""
    return for_another_model(config).model_copy(
        update={
            "model": str(directory.resolve()),
            "revision": None,
            "pooling": None,
            "query_prefix": prompts.query,
            "passage_prefix": prompts.passage,
            **{name: type(config).model_fields[name].default for name in SERVER_SETTINGS},
            "chroma_headers": {},
        }
    )
