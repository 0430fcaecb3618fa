"""`retrieve`: search an index, look at it, and measure how well it answers."""

import json
from typing import Annotated, Any

import typer

from retrieval.console import (
    DEFAULT_INDEX,
    ConfigOption,
    IndexOption,
    JsonOption,
    hit_as_dict,
    out,
    print_hits,
    print_json,
    run,
    waiting,
)
from retrieval.errors import QueryError
from retrieval.evaluation_cli import evaluate, tune
from retrieval.inspection_cli import similar, stats

app = typer.Typer(
    help="Search an index made by `ingest`.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What you want to know.")],
    index: IndexOption = DEFAULT_INDEX,
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="Number of hits.")] = 10,
    mode: Annotated[str, typer.Option(help="hybrid, dense or lexical.")] = "hybrid",
    where: Annotated[str | None, typer.Option(help="Chroma metadata filter, as JSON.")] = None,
    where_document: Annotated[str | None, typer.Option(help="Chroma text filter, as JSON.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Weight of the dense side, 0 to 1.")] = None,
    fusion: Annotated[str | None, typer.Option(help="dbsf, rrf or convex.")] = None,
    rrf_k: Annotated[int, typer.Option(help="Constant of reciprocal rank fusion.")] = 60,
    candidates: Annotated[int, typer.Option(help="Chunks that each side brings.")] = 100,
    feedback: Annotated[
        str | None, typer.Option(help="Ask again with the first answers: dense, lexical, both.")
    ] = None,
    operators: Annotated[
        bool | None, typer.Option(help='Read "phrase", +must and -not in QUERY.', show_default="unless a sentence")
    ] = None,
    rerank: Annotated[str | None, typer.Option(help="Cross-encoder: name or directory.")] = None,
    mmr_lambda: Annotated[float | None, typer.Option(help="1: relevance, 0: diversity.")] = None,
    expand: Annotated[str, typer.Option(help="Neighbouring chunks to show, or: section.")] = "0",
    group_by_document: Annotated[bool, typer.Option(help="One hit per document.")] = False,
    document_score: Annotated[str, typer.Option(help="What ranks a document: max (best chunk), mean.")] = "max",
    min_score: Annotated[float | None, typer.Option(help="Drop hits below.")] = None,
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
        hits = opened.search(
            query,
            top_k,
            **options,
            alpha=alpha,
            rrf_k=rrf_k,
            candidates=candidates,
            where=_filter("--where", where),
            where_document=_filter("--where-document", where_document),
            operators=operators,
            rerank=rerank,
            mmr_lambda=mmr_lambda,
            group_by_document=group_by_document,
            min_score=min_score,
        )
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


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
