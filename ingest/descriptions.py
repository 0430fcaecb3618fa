"""YAML and TOML that describe a document: front matter, and files beside it."""

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import yaml

from ingest.plain_metadata import Plain, plain_metadata
from ingest.whole_numbers import int_or_digits

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # where PyYAML was built without libyaml: the same, ten times slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

MAX_BYTES = 1 << 16
"""More is data. Reading it would take seconds."""

_DEEPEST = 50
_TAG = "tag:yaml.org,2002:"
_LOOKS_LIKE_KEYS = re.compile(r"\s*(?:#.*\n\s*)*[\w\"'$-][^\n:]*:(?:\s|\Z)")
_NOTHING = Plain(None, {}, ())


class Description(NamedTuple):
    """What the text says of a document, and what of it could not be read, for people."""

    plain: Plain
    notices: tuple[str, ...] = ()


def read_yaml(text: str, *, what: str) -> Description:
    """`text` is YAML; whatever it holds, nothing is raised. `what` names it in notices: "its front matter"."""
    if len(text) > MAX_BYTES:
        return _too_long(what)
    try:
        if _is_too_deep(text):
            return _unread(what, f"YAML: it is nested deeper than {_DEEPEST} levels")
        values = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return _unread(what, f"YAML: {error.problem}{line}")
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        return _unread(what, f"YAML: {error}")
    return _described(values, what)


def read_json(text: str, *, what: str) -> Description:
    """As read_yaml, of JSON."""
    if len(text) > MAX_BYTES:
        return _too_long(what)
    try:
        return _described(json.loads(text, parse_int=int_or_digits), what)
    except (json.JSONDecodeError, RecursionError) as error:
        return _unread(what, f"JSON: {error}")


def read_front_matter(fence: str, body: str) -> Description:
    """What stands between the fences, "---" of YAML or "+++" of TOML. Lines between two rules are no front matter."""
    what = "its front matter"
    if fence == "---":
        return read_yaml(body, what=what) if _LOOKS_LIKE_KEYS.match(body) else Description(_NOTHING)
    try:
        return _described(tomllib.loads(body), what)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return _unread(what, f"TOML: {error}")
    except ValueError:  # Python's limit
        return _unread(what, "TOML: a whole number has thousands of digits")


def _is_too_deep(text: str) -> bool:
    """Of lists and mappings. Libyaml makes events of any depth, but values of them by recursion in C."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return True
    return False


def _described(values: object, what: str) -> Description:
    if not isinstance(values, Mapping):
        return Description(_NOTHING, () if values is None else (f"{what} has no keys, and is not read as metadata",))
    plain = plain_metadata(values)
    notice = plain.notice(what)
    return Description(plain, (notice,) if notice else ())


def _too_long(what: str) -> Description:
    return Description(_NOTHING, (f"{what} has more than {MAX_BYTES:,} characters, and is not read as metadata",))


def _unread(what: str, problem: str) -> Description:
    return Description(
        _NOTHING, (f"{what} cannot be read as {' '.join(problem.split())[:200]}; filters on its fields do not find it",)
    )


class _Loader(_SafeLoader):
    """YAML 1.2 for scalars, as people mean them: `no` is a word, 12:30 and 00042 are strings. Nothing is called."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  as the base class has it


def _timestamp(loader: Any, node: Any) -> date | str:
    try:
        found: date = yaml.SafeLoader.construct_yaml_timestamp(loader, node)
        return found
    except ValueError:  # 2024-13-45
        return str(node.value)


def _untagged(loader: Any, _: str, node: Any) -> Any:
    """`!anything value` is the value."""
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


for _name, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("int", r"(?:[-+]?(?:0|[1-9][0-9]{0,299})|0x[0-9a-fA-F]{1,299})\Z", "-+0123456789"),
    ("float", r"(?:[-+]?(?:0|[1-9][0-9]{0,299})(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+)\Z", "-+0123456789."),
    ("null", r"(?:~|null|Null|NULL|)\Z", "~nN"),
    ("timestamp", r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
     r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?\Z", "0123456789"),
):  # fmt: skip
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), [*_first, *([""] if _name == "null" else [])])
_Loader.add_constructor(f"{_TAG}timestamp", _timestamp)
_Loader.add_multi_constructor("!", _untagged)
