"""`ingest snapshot`: an index into one file, and back."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from retrieval.console import DEFAULT_INDEX, ConfigOption, IndexOption, JsonOption, out, print_json, waiting
from retrieval.words import counted

app = typer.Typer(help="Save an index in one file, and restore it.", no_args_is_help=True)


@app.command()
def save(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
) -> None:
    """Write what is indexed into one file; others may search and write meanwhile."""
    from retrieval.backup.archive import save as run_save

    with waiting("Saving"):
        saved = run_save(index, file)
    if as_json:
        print_json(saved._asdict())
    else:
        counts = f"{counted(saved.documents, 'document')}, {counted(saved.chunks, 'chunk')}"
        out.print(f"Saved {counts} of {index} in {file} ({decimal(saved.size)}).", markup=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `ingest snapshot save` has written.")],
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the index in a file the one in --index, in place of any that is there."""
    from retrieval.backup.archive import restore as run_restore

    with waiting("Restoring"):
        restored = run_restore(file, index, config=config)
    if as_json:
        print_json(restored._asdict())
    else:
        counts = (
            f"{counted(restored.documents, 'document')}, {counted(restored.chunks, 'chunk')} ({decimal(restored.size)})"
        )
        instead = ", in place of the index that was there" if restored.replaced else ""
        out.print(f"Restored {counts} from {file} in {index}{instead}.", markup=False)
