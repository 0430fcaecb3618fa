"""Questions that a language model writes, in `retrieve train`: their options, and consent to what is sent."""

import sys
from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.text import Text

from retrieval.console import SOME_FAILED, err
from retrieval.errors import ConfigError
from retrieval.models_progress import Display
from retrieval.words import counted

if TYPE_CHECKING:
    from retrieval.training import Estimate, Generation

F = TypeVar("F", bound=Callable[..., Any])

_PANEL = "Questions that a language model writes"


def with_generation_options(command: F) -> F:
    """A typer command whose `**chat` are the options of `generation_of`; they come last."""
    own = [each for each in signature(command).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    options = [
        each.replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for each in signature(generation_of).parameters.values()
    ]
    command.__signature__ = signature(command).replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return command


def generation_of(
    *,
    generate: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many questions to ask for; passages are sent to the server.", rich_help_panel=_PANEL
        ),
    ] = None,
    chat_model: Annotated[
        str | None, typer.Option(help="The name of the language model at its server.", rich_help_panel=_PANEL)
    ] = None,
    chat_url: Annotated[
        str | None,
        typer.Option(
            help="The address without /chat/completions, such as http://localhost:11434/v1.", rich_help_panel=_PANEL
        ),
    ] = None,
    chat_key_file: Annotated[
        Path | None,
        typer.Option(help="A file that holds the key.", show_default="$RETRIEVAL_CHAT_API_KEY", rich_help_panel=_PANEL),
    ] = None,
    chat_prices: Annotated[
        str | None,
        typer.Option(help="The prices of a million tokens in and out, such as .15,.6.", rich_help_panel=_PANEL),
    ] = None,
    chat_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The most tokens of an answer, with what the model thinks first.",
            show_default="1000",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    questions_each: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many questions to ask for of one passage.", show_default="2", rich_help_panel=_PANEL
        ),
    ] = None,
    questions_best: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Train on questions whose passage hybrid search finds among so many hits; 0 takes all.",
            show_default="10",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    prompt: Annotated[
        Path | None,
        typer.Option(
            help="A file with another prompt; {passage} stands for the passage, {count} for the number of questions.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree beforehand to send the passages.", rich_help_panel=_PANEL)
    ] = False,
) -> "Generation | None":
    """None without --generate. Raises ConfigError, also for options that need it."""
    from retrieval.endpoint_settings import key_in_file
    from retrieval.training import Generation

    given: dict[str, Any] = {
        "model": chat_model,
        "url": chat_url,
        "key": None if chat_key_file is None else key_in_file(chat_key_file, name="--chat-key-file"),
        "prices": None if chat_prices is None else _prices(chat_prices),
        "max_tokens": chat_tokens,
        "each": questions_each,
        "best": questions_best,
        "prompt": None if prompt is None else _read(prompt),
    }
    wishes = {name: value for name, value in given.items() if value is not None}
    if generate is None and (wishes or yes):
        raise ConfigError(
            "Options of questions that a language model writes need --generate: how many questions to ask for."
        )
    if generate is None:
        return None
    if chat_model is None or chat_url is None:
        raise ConfigError("--generate needs --chat-model and --chat-url: which model writes the questions, and where.")
    return Generation(questions=generate, **wishes)


def asking_first(*, yes: bool, display: Display) -> "Callable[[Estimate], None]":
    """Tells what would be sent and, without --yes, asks on the terminal whether to send it. Raises ConfigError where
    there is no terminal, and typer.Exit if the answer is no."""

    def ask(estimate: "Estimate") -> None:
        if not estimate.requests:
            return
        with display.paused():
            err.print(Text(in_words(estimate)))
            if yes:
                return
            if not sys.stdin.isatty():
                raise ConfigError("Nothing was sent: there is no terminal to ask on. Agree with --yes.")
            if err.input("Send them? [y/N] ", markup=False).strip().casefold() not in {"y", "yes"}:
                err.print("Nothing was sent.")
                raise typer.Exit(SOME_FAILED)

    return ask


def in_words(estimate: "Estimate") -> str:
    """What would be sent to which host, and what it costs."""
    cost = "" if estimate.cost is None else f"; by your prices that is {amount(estimate.cost)} or less"
    kept = (
        f" {counted(estimate.kept, 'answer')} of an earlier run will not be asked for again." if estimate.kept else ""
    )
    return (
        f"{counted(estimate.requests, 'request')} to {estimate.host} for {estimate.questions:,} questions by "
        f"{estimate.model}. Each holds the text of a passage. About {counted(estimate.tokens_in, 'token')} in, "
        f"and up to {estimate.tokens_out:,} out{cost}.{kept}"
    )


def amount(cost: float) -> str:
    """An amount of money; below 1, with more digits."""
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.4f}"


def _read(prompt: Path) -> str:
    try:
        return prompt.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot read --prompt {prompt}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"--prompt {prompt} is not UTF-8.") from None


def _prices(given: str) -> tuple[float, float]:
    try:
        price_in, price_out = map(float, given.split(","))
    except ValueError:
        raise ConfigError(
            f"--chat-prices {given!r}: write two numbers, of tokens in and out, such as .15,.6."
        ) from None
    return price_in, price_out
