"""What is wrong with a configuration, in words: which setting, where it was given, and what it must be."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import groupby

from pydantic_core import ErrorDetails

_OWN_NAMES = frozenset({"index"})
"""RETRIEVAL_INDEX is the command lines' own."""

_MUST_BE = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "dict": "names with values, `name: value`",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def explain(
    errors: Iterable[ErrorDetails], *, settings: Collection[str], places: Mapping[str, str], secret: Collection[str]
) -> str:
    """One line for what pydantic found.

    settings   the names there are
    places     where a value came from, by the setting's name: a file or an environment variable
    secret     the settings whose values are not to be shown
    """
    problems = []
    for name, of_one in groupby(errors, key=lambda error: str(error["loc"][0]) if error["loc"] else ""):
        first, *others = of_one
        where = f" ({places[name]})" if name in places else ""
        if not name:
            problems += [_own_words(error) + _places_of_named(_own_words(error), places) for error in (first, *others)]
        elif first["type"] == "extra_forbidden":
            near = _nearest(name, settings)
            problems.append(f"there is no setting {name}{where}" + (f", did you mean {near}?" if near else ""))
        elif first["type"] == "value_error":
            problems.append(f"{name}{where}: {_own_words(first)}")
        else:
            subject = f"what {name}{where} holds" if first["type"] == "string_type" and len(first["loc"]) > 1 else name
            subject += where if subject == name else ""
            wanted = " or ".join(map(_wanted, (first, *others)))
            value = "" if name in secret else f"is {first['input']!r}; it "
            problems.append(f"{subject} {value}must be {wanted}")
    return f"Bad configuration: {'; '.join(problems)}.".replace("?.", "?")


def misspelt(environment: Iterable[str], *, prefix: str, settings: Collection[str]) -> str:
    """One line for the variables whose names are nearly those of settings; "" where there are none.

    A variable that resembles no setting is taken for another program's.
    """
    problems = [
        f"the environment variable {variable} sets nothing; did you mean {prefix}{near.upper()}?"
        for variable, name in sorted(_unknown(environment, prefix, settings))
        if (near := _nearest(name, settings))
    ]
    return f"Bad configuration: {'; '.join(problems)}" if problems else ""


def _unknown(environment: Iterable[str], prefix: str, settings: Collection[str]) -> Iterator[tuple[str, str]]:
    for variable in environment:
        name = variable.upper().removeprefix(prefix).lower()
        if variable.upper().startswith(prefix) and name not in settings and name not in _OWN_NAMES:
            yield variable, name


def _nearest(name: str, settings: Collection[str]) -> str:
    """The setting that was probably meant, else ""."""
    near = get_close_matches(name.lower().replace("-", "_"), settings, n=1, cutoff=0.65)
    return next(iter([*near, *(setting for setting in settings if name.lower() in setting.split("_"))]), "")


def _places_of_named(problem: str, places: Mapping[str, str]) -> str:
    """Where the settings come from that a problem of several together names."""
    named = [f"{name}: {place}" for name, place in sorted(places.items()) if name in re.findall(r"\w+", problem)]
    return f" ({', '.join(named)})" if named else ""


def _own_words(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ").rstrip(".")


def _wanted(error: ErrorDetails) -> str:
    """What would have done, such as "a whole number"."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "string_too_short":
        return "text that is not empty"
    if kind in _BOUNDS:
        key, relation = _BOUNDS[kind]
        return f"{relation} {context[key]:g}"
    return _MUST_BE.get(kind.split("_")[0]) or _own_words(error)
