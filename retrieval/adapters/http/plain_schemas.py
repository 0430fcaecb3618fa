"""JSON schemas in the plainest form that says the same, so that code generators make plain types of them.

pydantic writes a value of several types as alternatives, and a generator gives each a class with a number in its name;
most are one schema with a list of types. Values between which a client chooses get a name of their own, and titles,
which only repeat names, are left out. Defaults are said in descriptions: openapi-typescript requires what has one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from retrieval.adapters.http.jobs import JobKind, JobStatus
from retrieval.config import Bm25Variant, Feedback, FusionMethod, Mode
from retrieval.search import DocumentScore
from retrieval.types import Status

Schema = dict[str, Any]

_NULL = {"type": "null"}
_VALUES = ("default", "examples", "example", "enum", "const")
"""What holds values, and no schema."""

_CHOICES: Mapping[str, tuple[Any, str]] = {
    "Mode": (Mode, "Which sides answer: hybrid is both, dense is by meaning, lexical by words."),
    "FusionMethod": (FusionMethod, "How the scores of both sides become one."),
    "FeedbackSides": (Feedback, "Which sides ask again with what the first answers have in common."),
    "DocumentScore": (DocumentScore, "What ranks a document: its best passage, or all of them."),
    "DocumentStatus": (
        Status,
        "How a document is: ready is indexed, pending awaits its vectors, skipped holds nothing to index.",
    ),
    "JobKind": (JobKind, "What a job does."),
    "JobStatus": (JobStatus, "How a job is; done, interrupted and failed are its ends."),
    "Bm25Variant": (Bm25Variant, "Which formula scores words."),
}


def choices() -> dict[str, Schema]:
    """The schemas of what clients choose between, by name."""
    return {
        name: {"type": "string", "enum": list(get_args(type_)), "description": about}
        for name, (type_, about) in _CHOICES.items()
    }


def reference(name: str) -> Schema:
    """What stands for a schema that has a name."""
    return {"$ref": f"#/components/schemas/{name}"}


def plain(schema: Schema) -> Schema:
    """The same schema in its plainest form."""
    simple = {key: _part(key, value) for key, value in schema.items() if key != "title"}
    if "enum" in simple:
        name = next((name for name, choice in choices().items() if choice["enum"] == simple["enum"]), None)
        if name is not None:
            return {**reference(name), **{key: simple[key] for key in simple if key not in ("enum", "type")}}
    places = simple.get("prefixItems", ())
    if places and all(each == places[0] for each in places):  # to openapi-fetch, a tuple is a list, and does not fit
        del simple["prefixItems"]
        simple["items"] = places[0]
    alternatives = simple.get("anyOf")
    if alternatives is not None:
        merged = _merged(alternatives)
        if merged is not None:
            return {**merged, **{key: value for key, value in simple.items() if key != "anyOf"}}
    return simple


def never_null(schema: Schema) -> Schema:
    """The schema without null, which no parameter in an address can be."""
    others = [each for each in schema.get("anyOf", ()) if each != _NULL]
    if len(others) != 1:
        return schema
    return {**others[0], **{key: value for key, value in schema.items() if key != "anyOf"}}


def _part(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key == "properties":
        return {name: _without_default(plain(each)) for name, each in value.items()}
    if isinstance(value, dict):
        return plain(value)
    return [plain(each) if isinstance(each, dict) else each for each in value] if isinstance(value, list) else value


def _without_default(schema: Schema) -> Schema:
    """The default is said in words; null says what its description does."""
    rest = {key: value for key, value in schema.items() if key != "default"}
    if schema.get("default") is not None and "description" in schema:
        rest["description"] += f" Default: {json.dumps(schema['default'])}."
    return rest


def _merged(alternatives: Sequence[Schema]) -> Schema | None:
    """One schema with all of their types; None where they differ in more, or one has a name of its own."""
    if any("type" not in each for each in alternatives):
        return None
    if {"type": "number"} in alternatives:
        alternatives = [each for each in alternatives if each != {"type": "integer"}]
    merged: Schema = {}
    types: list[str] = []
    for each in alternatives:
        limits = {key: value for key, value in each.items() if key not in ("type", "enum", "const")}
        words = each.get("enum", [each["const"]] if "const" in each else [])
        if words:  # a list of types has limits for each, and the words are those of strings
            limits["pattern"] = f"^({'|'.join(map(re.escape, words))})$"
        new = each["type"] if isinstance(each["type"], list) else [each["type"]]
        if merged.keys() & limits.keys() or set(types) & set(new) or {"number", "integer"} <= {*types, *new}:
            return None
        merged |= limits
        types += new
    return {"type": types if len(types) > 1 else types[0], **merged}
