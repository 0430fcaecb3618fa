"""`retrieve stats` and `retrieve similar`: what is in the index, how sound its vectors are, what there is twice."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from retrieval.console import (
    DEFAULT_INDEX,
    ConfigOption,
    IndexOption,
    JsonOption,
    meant,
    out,
    print_json,
    printable,
    waiting,
)
from retrieval.errors import QueryError
from retrieval.words import counted

if TYPE_CHECKING:
    from retrieval.inspection.embedding_stats import EmbeddingStats
    from retrieval.inspection.similar import SimilarDocument, SimilarPair

_BAR = 40
"""Characters of the longest bar."""

_FEW = 100
"""Fewer chunks than so many say little about the space that a model makes of text."""


def stats(
    index: IndexOption = DEFAULT_INDEX,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Measure the vectors and the chunks, and say how to read that.")
    ] = False,
    sample: Annotated[
        int | None, typer.Option(help="With --embeddings: chunks to measure.", show_default="4096")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the index holds, and what made it."""
    from retrieval.index import HybridIndex
    from retrieval.inspection.embedding_report import readings

    if sample is not None and not embeddings:
        raise QueryError("--sample says how many chunks --embeddings measures; give both.")
    with HybridIndex.open(index, config=config, read_only=True) as opened:
        if embeddings:
            with waiting("Measuring"):
                measured = opened.embedding_stats() if sample is None else opened.embedding_stats(sample=sample)
        else:
            values = opened.stats()._asdict()
    if embeddings and as_json:
        warnings = {reading.name: reading.warning for reading in readings(measured) if reading.warning}
        bins = [length._asdict() for length in measured.token_histogram]
        print_json({**asdict(measured), "token_histogram": bins, "warnings": warnings})
    elif embeddings:
        _print_readings(measured)
    elif as_json:
        print_json(values)
    else:
        table = Table(show_header=False, box=None)
        for name, value in values.items():
            table.add_row(name.replace("_", " "), _in_words(name, value))
        out.print(table)


def _in_words(name: str, value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {number:,}" for key, number in value.items())
    return repr(value) if name.endswith("prefix") else f"{value}"


def similar(
    source: Annotated[str | None, typer.Argument(help="A document's source, as hits show it.")] = None,
    all_pairs: Annotated[bool, typer.Option("--all", help="All pairs of documents, instead of SOURCE.")] = False,
    index: IndexOption = DEFAULT_INDEX,
    top_k: Annotated[
        int | None,
        typer.Option("-k", "--top-k", help="Documents to show; with --all, neighbours of each document to look at.",
                     show_default="10; with --all 100"),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Least cosine to show.", show_default="none; with --all 0.9")
    ] = None,
    max_pairs: Annotated[int | None, typer.Option(help="With --all: pairs to show.", show_default="100")] = None,
    query_chunk_size: Annotated[
        int | None, typer.Option(help="With --all: documents compared at once.", show_default="1000")
    ] = None,
    corpus_chunk_size: Annotated[
        int | None, typer.Option(help="With --all: with so many others.", show_default="100000")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Print the documents most like SOURCE, or all pairs that are alike.

    A line has the cosine of the documents' mean vectors, what they are to each other, and how much wording they share.

    They are identical (but for white space), near-duplicates (at least half of the wording), or related.
    """
    from retrieval.index import HybridIndex

    for_pairs = {"max_pairs": max_pairs, "query_chunk_size": query_chunk_size, "corpus_chunk_size": corpus_chunk_size}
    if (source is None) != all_pairs:
        raise QueryError(
            "Name one document, `retrieve similar SOURCE`, or ask for all pairs, `retrieve similar --all`."
        )
    if source is not None and any(value is not None for value in for_pairs.values()):
        names = " and ".join("--" + name.replace("_", "-") for name, value in for_pairs.items() if value is not None)
        raise QueryError(f"{names}: only with --all.")
    options = {"top_k": top_k, "min_score": min_score, **for_pairs}
    given: Any = {name: value for name, value in options.items() if value is not None}
    with waiting("Comparing"), HybridIndex.open(index, config=config, read_only=True) as opened:
        found: Sequence[SimilarDocument | SimilarPair]
        if source is not None:
            named = meant(source, (record.source for record in opened.documents()))
            is_one = len(named) == 1 and not source.endswith("/")
            found = opened.similar(named.pop() if is_one else source, **given)
        else:
            most = given.setdefault("max_pairs", 100)
            found = opened.similar_pairs(**given)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    _print_similar(found)
    if all_pairs and len(found) == most:
        out.print(f"These are the best {most:,}; there may be more: --max-pairs.")


def _print_similar(found: "Sequence[SimilarDocument | SimilarPair]") -> None:
    if not found:
        out.print("Nothing found.")
    width = len(str(len(found)))
    for each in found:
        start = f"{each.rank:>{width}}  {each.score:.3f}  {each.likeness:<14}  {each.overlap:>4.0%}  "
        for number, (source, title) in enumerate(_named(each)):
            line = Text(start if number == 0 else " " * len(start))
            line.append(printable(source), style="bold cyan")
            if title:
                line.append(f"  {printable(title)}", style="dim")
            out.print(line)


def _named(each: "SimilarDocument | SimilarPair") -> list[tuple[str, str | None]]:
    from retrieval.inspection.similar import SimilarDocument

    if isinstance(each, SimilarDocument):
        return [(each.source, each.title)]
    return list(zip(each.sources, each.titles, strict=True))


def _print_readings(measured: "EmbeddingStats") -> None:
    from retrieval.inspection.embedding_report import readings

    out.print(
        f"{counted(measured.chunks, 'chunk')}, {measured.sampled:,} of them sampled for the figures of the space.\n"
    )
    if measured.sampled < _FEW:
        out.print(Text(f"Warning: {counted(measured.sampled, 'chunk')} are few for these figures.\n", style="yellow"))
    for name, value, meaning, warning in readings(measured):
        out.print(Text.assemble((f"{name}: ", "bold"), (value, "bold cyan")))
        out.print(Text(f"    {meaning}"))
        if warning:
            out.print(Text(f"    Warning: {warning}", style="yellow"))
    out.print(Text("\ntokens of a chunk", style="bold"))
    most = max(length.chunks for length in measured.token_histogram)
    for low, high, chunks in measured.token_histogram:
        out.print(Text(f"{f'{low}-{high}':>9}  {'#' * -(-chunks * _BAR // most)} {chunks:,}"))
