"""The presets that come with the package: settings in YAML, by name."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "configs"
"""Where a wheel has them."""

_SOURCE = Path(__file__).parent.parent / "configs"
"""Where they lie in the repository, from which the wheel takes them."""


def presets() -> dict[str, Path]:
    """Each preset's name, such as "e5-small", and its file, for `Config.load`; in the order of the names."""
    directory = _INSTALLED if _INSTALLED.is_dir() else _SOURCE
    return {file.stem: file for file in sorted(directory.glob("*.yaml"))}


def settings_file(given: Path | str) -> Path:
    """The file of that path; where there is none, the preset of that name; else the path as it is given."""
    path, preset = Path(given), presets().get(str(given))
    return path if preset is None or path.is_file() else preset


def preset_hint(missing: Path) -> str:
    """What may have been meant by a file that is not there: the preset that the file would be, or for a name all of
    them; else ""."""
    if missing.stem in presets():
        return f"; the preset of this package is {missing.stem}, without a path"
    return "" if missing.suffix else f"; the presets are {', '.join(presets())}"
