"""The options of a search as flags of a command, made from their one declaration, and their values back again."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from types import NoneType
from typing import Annotated, Any, TypeVar, get_origin

import typer

from retrieval.config import Config
from retrieval.errors import QueryError
from retrieval.search.options import OPTIONS, Option

F = TypeVar("F", bound=Callable[..., Any])


def with_search_flags(command: F) -> F:
    """A typer command whose `**options` are the options of a search; their flags come after its first argument."""
    first, *others = signature(command).parameters.values()
    others = [parameter for parameter in others if parameter.kind is not Parameter.VAR_KEYWORD]
    flags = map(_parameter, OPTIONS.values())
    command.__signature__ = signature(command).replace(parameters=[first, *flags, *others])  # type: ignore[attr-defined]
    return command


def search_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `HybridIndex.search` from the values of the flags, by the options' names.

    Raises QueryError for a filter that is not a JSON object. All else is checked by the search.
    """
    return {name: _value(OPTIONS[name], value) for name, value in given.items()}


def naming_flags(error: QueryError) -> QueryError:
    """The same error, with the flag in place of the option that its message begins with."""
    names = "|".join(OPTIONS)
    message = re.sub(rf"^({names})(?= is |: | says )", lambda match: flag(match[1]), str(error))
    return QueryError(re.sub(rf"(?<=; it needs )({names})", lambda match: flag(match[1]), message))


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parameter(option: Option) -> Parameter:
    """The parameter that typer makes the flag of. Choices are strings here, for the search to check."""
    kind, default = _kind(option), option.default
    if kind is str and default is not None:
        default = str(default)
    show_default: Any = True
    if option.if_none:
        configured = f"{Config.model_fields[option.name].default}, or " if option.is_configured else ""
        show_default = configured + option.if_none
    info = typer.Option(*_flags(option), help=option.help, show_default=show_default)
    annotation: Any = Annotated[kind if NoneType not in option.types else kind | None, info]
    return Parameter(option.name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def _kind(option: Option) -> Any:
    if any(get_origin(type_) is Sequence for type_ in option.types):
        return list[str]
    if bool in option.types:
        return bool  # a switch has no words
    simple = [type_ for type_ in (float, int) if type_ in option.types and not option.words]
    return simple[0] if simple else str


def _flags(option: Option) -> tuple[str, ...]:
    name = flag(option.name)
    if option.name == "top_k":
        return "-k", name
    is_switch = bool in option.types and option.default is not False
    return (f"{name}/--no-{name[2:]}",) if is_switch else (name,)


def _value(option: Option, given: Any) -> Any:
    if given is None or given == []:
        return None
    if any(get_origin(type_) is Mapping for type_ in option.types):
        return _filter(flag(option.name), given)
    return int(given) if int in option.types and isinstance(given, str) and given.isdecimal() else given


def _filter(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise QueryError(f"{name} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise QueryError(f'{name} must be a JSON object such as {{"source": "docs/rain.md"}}.')
    return value
