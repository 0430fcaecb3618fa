"""`retrieve serve`: the index over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from retrieval.console import DEFAULT_INDEX, ConfigOption, IndexOption
from retrieval.errors import ConfigError


def serve(
    index: IndexOption = DEFAULT_INDEX,
    host: Annotated[str, typer.Option(envvar="SERVE_HOST", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SERVE_PORT", min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 8080,
    folder: Annotated[
        list[str] | None,
        typer.Option(help="Folder that may be synced, as DIR or NAME=DIR, beside those that the index is already."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Answer over HTTP, and show a page to search with, until Ctrl-C."""
    try:
        from retrieval.adapters.http import server
    except ImportError as error:
        raise ConfigError(
            f"`retrieve serve` needs {error.name}: pip install 'hybrid-retrieval[server]' brings it."
        ) from None
    from retrieval.adapters.http.settings import ServeSettings

    settings = ServeSettings(index=index, config=config, folders=_folders(folder or []))
    server.run(settings, host=host, port=port)


def _folders(given: list[str]) -> dict[str, Path]:
    """The folders by the names that their sources begin with. Raises ConfigError."""
    from ingest.root import checked_name, resolve_root

    folders: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.rpartition("=")
        root = resolve_root(Path(path))
        known = checked_name(root, name if equals else None)
        if folders.setdefault(known, root) != root:
            raise ConfigError(f"--folder: two folders are called {known!r}; give one another name with NAME=DIR.")
    return folders
