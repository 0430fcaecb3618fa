"""What the two command lines share: options, errors as one line with an exit code, and how a hit looks."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from retrieval import __version__
from retrieval.context import context_header
from retrieval.errors import (
    ChatUnavailableError,
    ClusterUnavailableError,
    EncoderUnavailableError,
    IndexNotFoundError,
    IndexUnusableError,
    RerankerUnavailableError,
    RetrievalError,
)
from retrieval.excerpt import excerpt
from retrieval.search_hits import SearchHit, SearchHits

DONE, SOME_FAILED, USAGE, UNUSABLE, INTERRUPTED = 0, 1, 2, 3, 130

IndexOption = Annotated[
    Path, typer.Option("--index", envvar="RETRIEVAL_INDEX", help="Index directory.", show_default=".retrieval")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file of settings, or a preset such as e5-small.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_INDEX = Path(".retrieval")

_NAMED = 3
"""Of a hit's duplicates, so many are shown."""

_GLUED = re.compile(r"-[A-Za-z]\w")
"""An option of one letter with its value, or text that looks like it."""

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: 0x2421, 0x9B: 0x241B}
"""Control characters that could clear a terminal, as symbols of the same length."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        out.print(f"hybrid-retrieval {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and no more.")
]


def run(app: typer.Typer, command: Sequence[str] | None = None, *, pool: object = None) -> None:
    """Run a command line and exit: an error is one line on standard error and one of the exit codes above.

    command   the program's name and its arguments; None takes those of this process
    pool      the ingest.parser_pool.Parsers that commands which read files use, as their context's `obj`
    """
    arguments = list(command or sys.argv)[1:]
    program = command[0] if command else None  # else found out, as "python -m ..." is
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        code = app(arguments, prog_name=program, standalone_mode=False, obj=pool) or DONE
        sys.stdout.flush()
    except typer.TyperException as error:
        cause = error.format_message().rstrip(".")
        says = f"{cause}{'' if cause.endswith('?') else '.'}{_about_dashes(error, arguments)} See --help."
        code = _fail(says, USAGE) if cause else USAGE  # without a command, the help was printed
    except RetrievalError as error:
        code = _fail(str(error), UNUSABLE if _is_unusable(error) else USAGE)
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):  # which typer and rich make an exit of
            raise
        code = _stop_printing()
    except BrokenPipeError:
        code = _stop_printing()
    except OSError as error:
        place = f"{error.filename} cannot be used: " if error.filename else ""
        code = _fail(f"{place}{(error.strerror or str(error)).lower()}. See to that, then try again.", UNUSABLE)
    if code == INTERRUPTED:  # typer's own code for Ctrl-C
        err.print("Interrupted; what was finished is kept, and the next sync goes on from there.")
    sys.exit(code)


def _about_dashes(error: typer.TyperException, arguments: Sequence[str]) -> str:
    """The way out where an argument, such as a query, was perhaps taken for an option since it begins with a dash."""
    context: typer.Context | None = getattr(error, "ctx", None)
    parameters = context.command.params if context is not None else []
    names = [str(each.name).upper() for each in parameters if each.param_type_name == "argument"]
    is_no_option = hasattr(error, "option_name") and not getattr(error, "possibilities", None)
    is_perhaps_text = is_no_option or any(_GLUED.match(given) for given in arguments)
    if context is None or not names or not is_perhaps_text:
        return ""
    return f" Write -- before what begins with a dash and is no option: {context.command_path} -- {names[0]}."


def _stop_printing() -> int:
    """The reader of the output has gone, as `head` does: there is nothing more to print, and nothing wrong."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def warn(message: str) -> None:
    """A line on standard error."""
    err.print(Text(f"warning: {' '.join(message.split())}", style="yellow"))


def print_json(value: Any) -> None:
    """Valid JSON whatever the terminal's width."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_text(text: str) -> None:
    """The text as it is, tabs included, with symbols in place of control characters."""
    print(without_controls(text))


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner on a terminal, nothing elsewhere."""
    if not err.is_terminal:
        yield
        return
    with err.status(what):
        yield


def print_reading(hits: SearchHits, *, console: Console) -> None:
    """How the query was read, where that is not as it is written, a line each."""
    for correction in hits.corrections:
        written, searched = printable(correction.written), printable(correction.searched)
        console.print(Text(f'Searched for "{searched}": no passage has "{written}".', style="yellow"))
    for words, which in ((hits.required, "with"), (hits.excluded, "without")):
        if words:
            named = ", ".join(f'"{printable(word)}"' for word in words)
            console.print(Text(f"Only passages {which} {named}.", style="yellow"))


def print_nothing_relevant(hits: SearchHits, *, console: Console) -> None:
    """In place of hits none of which likely has to do with what was asked: a line that names the nearest."""
    nearest = hits.most_relevant
    says = f"Nothing relevant found. The nearest is {printable(nearest.citation())}, relevance {nearest.relevance:.2f}"
    console.print(f"{says}; --min-relevance 0 lists what there is.", markup=False, highlight=False)


def print_hits(hits: Sequence[SearchHit], *, explain: bool, full: bool) -> None:
    """Without `full`, a terminal is given the part of each passage in which most of the words that match stand; a pipe
    is always given all of it, to search in."""
    for hit in hits:
        line = Text(f"{hit.rank:>2}  {hit.score:.3f}  ")
        line.append(printable(hit.citation()), style="bold cyan")
        if path := context_header(hit.title, hit.headings).strip():
            line.append(f"  {printable(path)}", style="dim")
        out.print(line)
        if hit.duplicates:
            out.print(Text(f"    {_also_in(hit)}", style="dim"))
        if explain:
            out.print(Text(f"    {_explain(hit)}", style="yellow"))
        out.print(_passage(hit, cut=out.is_terminal and not full))
        out.print()


def hit_as_dict(hit: SearchHit) -> dict[str, Any]:
    return {**asdict(hit), "metadata": dict(hit.metadata)}


def printable(text: str) -> str:
    """On one line of a terminal, whatever a file is called: control characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def without_controls(text: str) -> str:
    """The text with symbols in place of control characters that could clear a terminal, one for one."""
    return text.translate(_PICTURES)


def meant(name: str, sources: Iterable[str]) -> set[str]:
    """The sources that a person names: one as it is stored or as `printable` shows it, or with "/" at its end all that
    begin so. What is stored goes before what is shown."""
    known = list(sources)
    stored = {source for source in known if source == name or (name.endswith("/") and source.startswith(name))}
    shown = (source for source in known if printable(source) == name or _is_shown_below(source, name))
    return stored or set(shown)


def _is_shown_below(source: str, name: str) -> bool:
    return name.endswith("/") and printable(source).startswith(name)


def _also_in(hit: SearchHit) -> str:
    named = ", ".join(printable(duplicate.citation()) for duplicate in hit.duplicates[:_NAMED])
    more = hit.duplicates_total - min(len(hit.duplicates), _NAMED)
    return f"also in {named}" + (f" and {more:,} more" if more else "")


def _passage(hit: SearchHit, *, cut: bool) -> Text:
    text = Text(without_controls(hit.text))
    for start, end in hit.highlights:
        text.stylize("bold underline", start, end)
    lines = list(_cut(text, hit) if cut else text.split("\n"))
    return Text("\n").join(Text("    ").append_text(line) for line in lines)


def _cut(text: Text, hit: SearchHit) -> Iterator[Text]:
    """The lines of the excerpt that have anything on them."""
    start, end = excerpt(hit.text, hit.highlights)
    lines = [line for line in text[start:end].split("\n") if line.plain.strip()]
    for number, line in enumerate(lines, 1):
        line.rstrip()
        before = "… " if number == 1 and hit.text[:start].strip() else ""
        after = " …" if number == len(lines) and hit.text[end:].strip() else ""
        yield Text.assemble(before, line, after)


def _explain(hit: SearchHit) -> str:
    def side(name: str, score: float | None, rank: int | None) -> str:
        place = f"rank {rank}" if rank else "not a candidate"
        missing = "awaits its vector" if hit.pending else "not asked"
        return f"{name} {score:.4f} ({place})" if score is not None else f"{name} {missing}"

    parts = [f"relevance {hit.relevance:.2f}"]
    parts += [side("dense", hit.dense_score, hit.dense_rank), side("lexical", hit.lexical_score, hit.lexical_rank)]
    if hit.rerank_score is not None:
        parts.append(f"rerank {hit.rerank_score:.4f}")
    return "  ".join(parts)


def _is_unusable(error: RetrievalError) -> bool:
    unavailable = EncoderUnavailableError | RerankerUnavailableError | ChatUnavailableError | ClusterUnavailableError
    return isinstance(error, IndexUnusableError | unavailable) and not isinstance(error, IndexNotFoundError)


def _fail(message: str, code: int) -> int:
    err.print(Text(f"error: {' '.join(message.split())}", style="red"))
    return code
