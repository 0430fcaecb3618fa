"""What the files of a model say of it beside its weights: its languages, and how large they are."""

from pathlib import Path
from typing import Any

import yaml

from retrieval.config import Config

_NO_WEIGHTS = {"onnx", "openvino", "coreml"}
"""Folders with copies in other formats, which are not read."""

_E5_LANGUAGES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it "
    "ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq "
    "sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
"""Of multilingual-e5-small, whose packaged form comes without a model card."""


def languages_of(config: Config, directory: Path) -> tuple[str, ...] | None:
    """The languages that the model card names, as it writes them, mostly ISO codes; None where it names none."""
    if config.model == "packaged-multilingual":
        return tuple(_E5_LANGUAGES.split())
    named = _front_matter(directory / "README.md").get("language")
    listed = named if isinstance(named, list) else [named]
    # YAML reads the code of Norwegian as False.
    codes = ["no" if code is False else code for code in listed if code is not None]
    return tuple(code for code in codes if isinstance(code, str)) or None


def size_of(directory: Path) -> int:
    """Bytes of a model's files, links followed, without copies of the weights in other formats."""
    files = (path for path in directory.rglob("*") if not _NO_WEIGHTS & set(path.relative_to(directory).parts))
    return sum(path.stat().st_size for path in files if path.is_file())


def _front_matter(card: Path) -> dict[str, Any]:
    """The YAML between the first two lines of dashes; empty where there is none to read."""
    try:
        before, _, rest = card.read_text("utf-8").partition("---\n")
        values = yaml.safe_load(rest.partition("\n---")[0]) if not before.strip() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}
