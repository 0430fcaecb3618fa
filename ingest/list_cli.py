"""`ingest list`: the documents of an index, one a line."""

from typing import Annotated

import typer

from retrieval.console import (
    DEFAULT_INDEX,
    ConfigOption,
    IndexOption,
    JsonOption,
    out,
    print_json,
    printable,
)


def list_documents(
    failed: Annotated[bool, typer.Option("--failed", help="Only what could not be read, with the reason.")] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="Only files that hold nothing to index, with the reason.")
    ] = False,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only what words alone find, until it is embedded.")
    ] = False,
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List documents and files with what became of each: indexed, in part, pending, indexing, failed or skipped."""
    from ingest.document_list import document_list
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config, read_only=True) as opened:
        listed = document_list(opened)
    chosen = (("failed", failed), ("skipped", skipped), ("pending", pending))
    wanted = {state for state, is_wanted in chosen if is_wanted}
    listed = [each for each in listed if not wanted or each.state in wanted]
    if as_json:
        print_json([each._asdict() for each in listed])
        return
    for each in listed:
        reason = f": {each.reason}" if each.reason else ""
        out.print(f"{each.state:<8}  {printable(each.source)}{printable(reason)}", markup=False)
