"""`ingest`: keep an index in step with folders of documents."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated

import typer

from ingest.list_cli import list_documents
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

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def about(version: VersionOption = False) -> None:
    """Keep an index in step with folders of documents."""


app.command()(sync)
app.command()(status)
app.command("list")(list_documents)


@app.command()
def delete(
    sources: Annotated[list[str], typer.Argument(help="Sources as search shows them; 'docs/' is all below.")],
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete documents from the index; a file that is still in its folder comes back with the next sync."""
    from ingest.deletions import still_in_folder
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config) as opened:
        records, folders = opened.documents(), opened.folders()
        known = [record.source for record in records]
        named = {source: meant(source, known) for source in sources}
        gone = set[str]().union(*named.values())
        deleted = opened.delete(sorted(gone.union(sources)))
    there = still_in_folder((record for record in records if record.source in gone and record.chunk_ids), folders)
    if as_json:
        print_json({**deleted._asdict(), "still_in_folder": there})
    else:
        out.print(f"Deleted {counted(deleted.documents, 'document')}, {counted(deleted.chunks, 'chunk')}.")
        if there:
            err.print(_comes_back(there), markup=False)
    unknown = [source for source, found in named.items() if not found]
    rest = [source for source in known if source not in gone]
    for source in unknown:
        err.print(f"not in the index: {printable(source)}{_hint(source, rest)}", markup=False)
    if unknown:
        raise typer.Exit(SOME_FAILED)


def _comes_back(sources: Sequence[str]) -> str:
    """What to do about deleted documents whose files are still there."""
    first = printable(sources[0])
    if len(sources) == 1:
        there, it, file = f"{first} is still in its folder", "it", "the file"
    else:
        there, it, file = f"{len(sources):,} files are still in the folder, such as {first}", "them", "the files"
    return f"{there}: the next sync adds {it} again, unless you delete {file} or name {it} in .retrievalignore"


def _hint(source: str, known: Sequence[str]) -> str:
    """What a source may have meant that is not in the index; "" where nothing comes near."""
    from retrieval.inspection.similar import close_matches

    if meant(f"{source}/", known):
        return f"; write {printable(source)}/ for all that is below"
    if source.endswith("/"):
        known = sorted({f"{parent}/" for each in known for parent in PurePosixPath(each).parents if parent.name})
    close = " or ".join(map(printable, close_matches(source, known)))
    return f"; did you mean {close}?" if close else ""


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
