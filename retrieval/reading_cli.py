"""`retrieve show` and `retrieve get`: the extracted text of documents, to follow a citation or to read on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.console import (
    DEFAULT_INDEX,
    SOME_FAILED,
    ConfigOption,
    IndexOption,
    JsonOption,
    err,
    print_json,
    print_text,
    printable,
)
from retrieval.errors import QueryError

if TYPE_CHECKING:
    from retrieval.cited_lines import CitedLines
    from retrieval.index import HybridIndex
    from retrieval.searcher import Searcher
    from retrieval.text_budget import Cut


def show(
    citation: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE[:LINES]",
            help="As a hit cites it: docs/rain.md, docs/rain.md:12-40, 'manual.pdf, page 3', 'prices.xlsx, sheet Oil'.",
        ),
    ],
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the text of a document as it was extracted, with the line numbers that citations use.

    Of pages and rows, the whole passages that they are in are printed.
    """
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config, read_only=True) as opened:
        searcher = opened.searcher()
        found = _finder(searcher)(citation)
        record = searcher.document(found.source)
    if record is not None and record.status == "failed":
        err.print(f"This is an earlier version; the file cannot be read now: {record.reason}", markup=False)
    if as_json:
        print_json(_as_dict(found))
        return
    width = len(str(found.line_end))
    for number, line in enumerate(found.lines, found.line_start):
        print_text(f"{number:>{width}}  {line}")


def get(
    citations: Annotated[
        list[str], typer.Argument(metavar="SOURCE[:LINES]...", help="As `retrieve show` takes them, the first first.")
    ],
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Print so many of the index's model's tokens at most.")
    ] = None,
    max_chars: Annotated[int | None, typer.Option(min=1, help="Print so many characters at most.")] = None,
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the text of several documents within a budget, for a program or an agent.

    What does not fit is cut between lines, and named on standard error, with what to ask for next.
    """
    from retrieval.index import HybridIndex
    from retrieval.text_budget import shown, within_budget

    if max_tokens is not None and max_chars is not None:
        raise QueryError("--max-tokens and --max-chars are two budgets; give one.")
    with HybridIndex.open(index, config=config, read_only=True) as opened:
        find = _finder(opened.searcher())
        documents, problems = [], {}
        for citation in citations:
            try:
                documents.append(find(citation))
            except QueryError as error:
                problems[citation] = str(error)
        size = _size(opened, tokens=max_tokens is not None)
        budget = max_tokens or max_chars
        unlimited = sum(size(shown(document)) for document in documents) if budget is None else 0
        found = within_budget(documents, unlimited if budget is None else budget, size)
    if as_json:
        print_json(
            {
                "documents": [_as_dict(part) for part in found.given],
                "cut": [cut._asdict() for cut in found.cut],
                "problems": [{"asked": asked, "reason": reason} for asked, reason in problems.items()],
                "unit": "characters" if max_tokens is None else "tokens",
                "used": found.used,
                "budget": budget,
            }
        )
    else:
        for part in found.given:
            print_text(shown(part).removesuffix("\n"))
        for cut in found.cut:
            err.print(_cut_in_words(cut), markup=False)
    for reason in problems.values():
        err.print(f"not found: {reason}", markup=False)
    if problems:
        raise typer.Exit(SOME_FAILED)


def _finder(searcher: "Searcher") -> "Callable[[str], CitedLines]":
    """What finds the lines of a citation, whose source may be written as it is stored or as it is shown."""
    from retrieval.cited_lines import cited_lines, split_citation

    sources: dict[str, str] = {}
    for record in searcher.documents():
        for name in (printable(record.source), printable(" ".join(record.source.split()))):
            sources.setdefault(name, record.source)
    sources |= {record.source: record.source for record in searcher.documents()}

    def find(citation: str) -> "CitedLines":
        name, place = split_citation(citation, sources)
        return cited_lines(searcher, sources.get(name, name), place)

    return find


def _size(index: "HybridIndex", *, tokens: bool) -> Callable[[str], int]:
    if not tokens:
        return len
    from retrieval.token_counts import token_counter

    return token_counter(index.tokenizer()[0])


def _as_dict(part: "CitedLines") -> dict[str, Any]:
    values = part._asdict()
    del values["lines"]
    return {**values, "line_end": part.line_end, "text": part.text}


def _cut_in_words(cut: "Cut") -> str:
    source = printable(cut.source)
    if cut.characters_given:
        rest = f"of line {cut.line_start} the first {cut.characters_given:,} characters are given"
        return f"cut: {source}: {rest}; a larger budget gives all of it"
    return f"cut: {source}:{cut.line_start}-{cut.line_end}; go on with {source}:{cut.line_start}-"
