"""`retrieve`: search an index, serve it, look at it, and measure how well it answers."""

from typing import Annotated, Any

import typer

from retrieval.cli_options import naming_flags, search_options, with_search_flags
from retrieval.console import (
    DEFAULT_INDEX,
    ConfigOption,
    IndexOption,
    JsonOption,
    VersionOption,
    err,
    hit_as_dict,
    out,
    print_hits,
    print_json,
    print_nothing_relevant,
    print_reading,
    run,
    waiting,
)
from retrieval.errors import QueryError
from retrieval.evaluation_cli import evaluate, tune
from retrieval.inspection_cli import similar, stats
from retrieval.keys_cli import keys_app
from retrieval.mcp_cli import mcp
from retrieval.models_cli import app as models_app
from retrieval.reading_cli import get, show
from retrieval.serve_cli import serve
from retrieval.train_cli import train

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def about(version: VersionOption = False) -> None:
    """Search an index made by `ingest`, and look at it."""


@app.command()
@with_search_flags
def search(
    query: Annotated[str, typer.Argument(help="What you want to know; after -- if it begins with a dash.")],
    index: IndexOption = DEFAULT_INDEX,
    explain: Annotated[bool, typer.Option("--explain", help="Show both sides' scores and ranks.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="On a terminal, show whole passages, as a pipe and --expand get them.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    **options: Any,
) -> None:
    """Print the passages that answer QUERY best, with their sources."""
    from retrieval.index import HybridIndex

    given = search_options(options)
    with waiting("Searching"), HybridIndex.open(index, config=config, read_only=True) as opened:
        try:
            hits = opened.search(query, **given)
        except QueryError as error:
            raise naming_flags(error) from error
    aside = err if as_json else out
    print_reading(hits, console=aside)
    if hits and given["min_relevance"] is None and not hits.has_relevant:
        print_nothing_relevant(hits, console=aside)
        hits.clear()
    elif not hits:
        aside.print("Nothing found.")
    if as_json:
        print_json([hit_as_dict(hit) for hit in hits])
    else:
        print_hits(hits, explain=explain, full=full or bool(given["expand"]))


app.command()(show)
app.command()(get)
app.command()(similar)
app.command()(stats)
app.command()(evaluate)
app.command()(tune)
app.command()(train)
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")
app.command()(mcp)
app.command()(serve)


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
