"""`retrieve`: search an index, serve it, look at it, and measure how well it answers."""

import json
from typing import Annotated, Any

import typer

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
    printable,
    run,
    waiting,
)
from retrieval.errors import QueryError
from retrieval.evaluation_cli import evaluate, tune
from retrieval.inspection_cli import similar, stats
from retrieval.mcp_cli import mcp
from retrieval.serve_cli import serve

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def about(version: VersionOption = False) -> None:
    """Search an index made by `ingest`, and look at it."""


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What you want to know.")],
    index: IndexOption = DEFAULT_INDEX,
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="Hits at most.")] = 10,
    mode: Annotated[
        str, typer.Option(help="Which sides answer: hybrid, dense (by meaning) or lexical (by words, no model).")
    ] = "hybrid",
    where: Annotated[
        str | None, typer.Option(help='Metadata filter of Chroma, as JSON: {"source": "docs/rain.md"}.')
    ] = None,
    where_document: Annotated[
        str | None, typer.Option(help='Text filter of Chroma, as JSON: {"$contains": "rain"}.')
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Weight of the dense side, 0 to 1.", show_default="0.6, or as configured")
    ] = None,
    fusion: Annotated[
        str | None,
        typer.Option(
            help="How both sides' scores become one: dbsf, rrf or convex.", show_default="dbsf, or as configured"
        ),
    ] = None,
    rrf_k: Annotated[int, typer.Option(help="With --fusion rrf: its constant; more evens the ranks out.")] = 60,
    candidates: Annotated[int, typer.Option(help="Chunks that each side brings to the fusion.")] = 100,
    feedback: Annotated[
        str | None,
        typer.Option(
            help="Ask again with what the first answers have in common: none, dense, lexical or both.",
            show_default="none, or as configured",
        ),
    ] = None,
    operators: Annotated[
        bool | None,
        typer.Option(
            "--operators/--no-operators",
            help='Read "phrase", +must and -not in QUERY.',
            show_default="read, unless it is a sentence",
        ),
    ] = None,
    rerank: Annotated[
        str | None, typer.Option(help="Cross-encoder that scores the candidates anew: name or directory.")
    ] = None,
    mmr_lambda: Annotated[
        float | None, typer.Option(help="Spread the hits out: 1 is relevance alone, 0 diversity alone.")
    ] = None,
    expand: Annotated[
        str,
        typer.Option(help="Neighbouring chunks to show on each side of a hit, or `section`: all under its headings."),
    ] = "0",
    group_by_document: Annotated[bool, typer.Option("--group-by-document", help="One hit per document.")] = False,
    document_score: Annotated[
        str, typer.Option(help="With --group-by-document, what ranks a document: max (its best chunk) or mean.")
    ] = "max",
    min_score: Annotated[float | None, typer.Option(help="Leave out hits with a lower score.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show both sides' scores and ranks.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the passages that answer QUERY best, with their sources."""
    from retrieval.index import HybridIndex

    with waiting("Searching"), HybridIndex.open(index, config=config, read_only=True) as opened:
        # Names from the shell; the search itself checks them.
        options: Any = {
            "mode": mode,
            "fusion": fusion,
            "feedback": feedback,
            "expand": int(expand) if expand.isdecimal() else expand,
            "document_score": document_score,
        }
        metadata_filter = _filter("--where", where)
        searcher = opened.searcher()
        hits = searcher.search(
            query,
            top_k,
            **options,
            alpha=alpha,
            rrf_k=rrf_k,
            candidates=candidates,
            where=metadata_filter,
            where_document=_filter("--where-document", where_document),
            operators=operators,
            rerank=rerank,
            mmr_lambda=mmr_lambda,
            group_by_document=group_by_document,
            min_score=min_score,
        )
        known = searcher.reader.metadata_fields if metadata_filter else frozenset[str]()
    if unknown := sorted(_fields(metadata_filter) - known) if known else []:
        names, fields = ", ".join(map(repr, unknown)), ", ".join(sorted(known))
        err.print(f"--where: no chunk has a field {printable(names)}; there are {printable(fields)}.", markup=False)
    if as_json:
        print_json([hit_as_dict(hit) for hit in hits])
    elif hits:
        print_hits(hits, explain=explain)
    else:
        out.print("Nothing found.")


app.command()(similar)
app.command()(stats)
app.command()(evaluate)
app.command()(tune)
app.command()(mcp)
app.command()(serve)


def _filter(option: str, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise QueryError(f"{option} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise QueryError(f'{option} must be a JSON object such as {{"source": "docs/rain.md"}}.')
    return value


def _fields(where: object) -> set[str]:
    """The metadata fields that a filter asks for."""
    if isinstance(where, list):
        return set().union(*map(_fields, where))
    if not isinstance(where, dict):
        return set()
    return {name for name in where if not name.startswith("$")}.union(*map(_fields, where.values()))


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
