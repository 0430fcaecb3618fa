"""`retrieve`: search an index, look at it, and measure how well it answers."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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
    rerank: Annotated[str | None, typer.Option(help="Cross-encoder: name or directory.")] = None,
    mmr_lambda: Annotated[float | None, typer.Option(help="1: relevance, 0: diversity.")] = None,
    expand: Annotated[int, typer.Option(help="Neighbouring chunks to show.")] = 0,
    group_by_document: Annotated[bool, typer.Option(help="One hit per document.")] = False,
    min_score: Annotated[float | None, typer.Option(help="Drop hits below.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show both sides' scores and ranks.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the passages that answer QUERY best, with their sources."""
    from retrieval.index import HybridIndex

    with waiting("Searching"), HybridIndex.open(index, config=config, read_only=True) as opened:
        options: Any = {"mode": mode, "fusion": fusion}  # names from the shell; the search itself checks them
        hits = opened.search(
            query,
            top_k,
            **options,
            alpha=alpha,
            rrf_k=rrf_k,
            candidates=candidates,
            where=_filter("--where", where),
            where_document=_filter("--where-document", where_document),
            rerank=rerank,
            mmr_lambda=mmr_lambda,
            expand=expand,
            group_by_document=group_by_document,
            min_score=min_score,
        )
    if as_json:
        print_json([hit_as_dict(hit) for hit in hits])
    elif hits:
        print_hits(hits, explain=explain)
    else:
        out.print("Nothing found.")


@app.command()
def stats(index: IndexOption = DEFAULT_INDEX, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what the index holds, and what made it."""
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config, read_only=True) as opened:
        values = opened.stats()._asdict()
    if as_json:
        print_json(values)
        return
    table = Table(show_header=False, box=None)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), repr(value) if name.endswith("prefix") else f"{value}")
    out.print(table)


@app.command()
def evaluate(
    collection: Annotated[Path, typer.Argument(help="Directory in BEIR layout: corpus.jsonl, queries.jsonl, qrels/.")],
    index: Annotated[Path | None, typer.Option("--index", help="Keep the index here, to use it again.")] = None,
    split: Annotated[str, typer.Option(help="Which qrels to use.")] = "test",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index a test collection and print how well each mode answers its queries."""
    from ingest.sync import add
    from retrieval.evaluation import evaluate as measure
    from retrieval.evaluation import read_collection
    from retrieval.index import HybridIndex

    judged = read_collection(collection, split=split)
    with tempfile.TemporaryDirectory() as scratch, HybridIndex.open(index or scratch, config=config) as opened:
        with waiting(f"Indexing {len(judged.documents)} documents"):
            add(judged.documents, opened)
        with waiting(f"Answering {len(judged.queries)} queries in each mode"):
            figures = measure(opened, judged)
    if as_json:
        print_json(figures)
        return
    table = Table(title=f"{collection.name}: {len(judged.documents)} documents, {len(judged.queries)} queries")
    table.add_column("mode")
    for measure_name in next(iter(figures.values())):
        table.add_column(measure_name, justify="right")
    for mode, values in figures.items():
        table.add_row(mode, *(f"{value:.3f}" for value in values.values()))
    out.print(table)


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
