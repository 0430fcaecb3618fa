"""`ingest`: keep an index in step with folders of documents."""

from typing import Annotated

import typer

from ingest.progress import showing_progress
from ingest.snapshot_cli import app as snapshot_app
from ingest.status_cli import status
from ingest.sync_cli import sync
from retrieval.console import (
    DEFAULT_INDEX,
    SOME_FAILED,
    ConfigOption,
    IndexOption,
    JsonOption,
    VersionOption,
    err,
    meant,
    out,
    print_json,
    printable,
    run,
)
from retrieval.words import counted

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def about(version: VersionOption = False) -> None:
    """Keep an index in step with folders of documents."""


app.command()(sync)
app.command()(status)


@app.command()
def delete(
    sources: Annotated[list[str], typer.Argument(help="Sources as search shows them; 'docs/' is all below.")],
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete documents from the index; a file that is still in its folder comes back with the next sync."""
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config) as opened:
        known = [record.source for record in opened.documents()]
        named = {source: meant(source, known) for source in sources}
        deleted = opened.delete(sorted({*sources}.union(*named.values())))
    if as_json:
        print_json(deleted._asdict())
    else:
        out.print(f"Deleted {counted(deleted.documents, 'document')}, {counted(deleted.chunks, 'chunk')}.")
    unknown = [source for source, found in named.items() if not found]
    for source in unknown:
        is_folder = bool(meant(f"{source}/", known))
        hint = f"; write {source}/ for all that is below" if is_folder else ""
        err.print(f"not in the index: {printable(source)}{hint}", markup=False)
    if unknown:
        raise typer.Exit(SOME_FAILED)


@app.command()
def doctor(
    index: IndexOption = DEFAULT_INDEX,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is wrong.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that ledger, chunks, search files and folders agree. Nobody can write meanwhile."""
    from ingest.doctor import examine, in_words

    with showing_progress("examining") as on_progress:
        findings = examine(index, config=config, repair=repair, on_progress=on_progress)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    mended = "mended" if repair else "mended on opening"
    for is_mended, line in [] if as_json else in_words(findings):
        out.print(f"{mended if is_mended else 'found'}: {printable(line)}", markup=False)
    if not findings and not as_json:
        out.print("All is well.")
    if any(not finding.mended for finding in findings):
        raise typer.Exit(SOME_FAILED)


app.add_typer(snapshot_app, name="snapshot")


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
