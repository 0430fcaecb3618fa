"""The description of the service, as people and code generators read it: plain, complete, and true."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from pydantic import Field, TypeAdapter

from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.plain_schemas import choices, plain
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings

NULL = {"type": "null"}
MESSAGES = {
    "application/json", "application/octet-stream", "application/problem+json", "multipart/form-data",
    "text/event-stream", "text/plain",
}  # fmt: skip
"""The media types that openapi-python-client reads."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    service = Service(ServeSettings(indexes={"index": Path("index")}))  # which nothing opens
    return create_app(service).openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """By method and path."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def schemas(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema and all inside it, each with where it stands."""
    yield place, schema
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from schemas(schema[key], f"{place}/{key}")
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for number, each in enumerate(schema.get(key, ())):
            yield from schemas(each, f"{place}/{key}/{number}")
    for name, each in schema.get("properties", {}).items():
        yield from schemas(each, f"{place}/{name}")


def all_schemas(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in described["components"]["schemas"].items():
        yield from schemas(schema, name)
    for place, operation in operations(described):
        for parameter in operation.get("parameters", ()):
            yield from schemas(parameter["schema"], f"{place} {parameter['name']}")
        for said, message in messages(operation):
            for content in message.get("content", {}).values():
                yield from schemas(content["schema"], f"{place} {said}")


def messages(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "requestBody" in operation:
        yield "body", operation["requestBody"]
    yield from operation["responses"].items()


def test_every_operation_has_a_readable_name_and_says_what_it_does(described: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in described["tags"] if tag["description"]}
    ids = {place: operation["operationId"] for place, operation in operations(described)}
    assert [place for place, id_ in ids.items() if not re.fullmatch("[a-z]+(_[a-z]+){0,4}", id_)] == []
    assert [id_ for id_, count in Counter(ids.values()).items() if count > 1] == []
    silent = [
        place
        for place, operation in operations(described)
        if not (operation["summary"] and operation["description"] and set(operation["tags"]) <= tags)
    ]
    assert silent == []


def test_every_parameter_and_property_is_described(described: dict[str, Any]) -> None:
    silent = [
        f"{place} {parameter['name']}"
        for place, operation in operations(described)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    silent += [
        f"{place}/{name}"
        for place, schema in all_schemas(described)
        for name, each in schema.get("properties", {}).items()
        if not each.get("description")
    ]
    silent += [name for name, schema in described["components"]["schemas"].items() if not schema.get("description")]
    silent += [
        f"{place} {status}"
        for place, operation in operations(described)
        for status, answer in operation["responses"].items()
        if answer["description"] in ("", "Successful Response")
    ]
    assert silent == []


def test_every_body_and_every_answer_has_one_media_type(described: dict[str, Any]) -> None:
    several = [
        f"{place} {said}: {', '.join(message['content'])}"
        for place, operation in operations(described)
        for said, message in messages(operation)
        if (len(message["content"]) != 1 and not place.endswith("/file"))  # a file has the type that it has
        or next(iter(message["content"])) not in MESSAGES
    ]
    assert several == []
    for place, operation in operations(described):
        kinds = [{*message["content"]} for said, message in messages(operation) if said != "body" and said < "300"]
        assert all(kind == kinds[0] for kind in kinds), place


def test_every_failure_is_a_problem(described: dict[str, Any]) -> None:
    for place, operation in operations(described):
        of_openai = " /v1/" in place
        kind = "application/json" if of_openai else "application/problem+json"
        schema = {"$ref": f"#/components/schemas/{'OpenAIProblemOut' if of_openai else 'ProblemOut'}"}
        failures = {status: answer["content"] for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "422", "500"} <= failures.keys()
        assert all(content == {kind: {"schema": schema}} for content in failures.values()), place


def test_schemas_are_plain(described: dict[str, Any]) -> None:
    """Alternatives only where one may be null that has a name; no title, and no default of a property, either."""
    riddles = [
        place
        for place, schema in all_schemas(described)
        if schema.keys() & {"oneOf", "allOf", "title"}
        or ("anyOf" in schema and [each for each in schema["anyOf"] if set(each) != {"$ref"}] != [NULL])
        or any("default" in each for each in schema.get("properties", {}).values())
    ]
    assert riddles == []
    names = described["components"]["schemas"]
    assert [name for name in names if not re.fullmatch("([A-Z][A-Za-z0-9]*[A-Za-z])", name)] == []
    used = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert used == set(names)


def test_keys_are_declared(described: dict[str, Any]) -> None:
    keys = described["components"]["securitySchemes"]
    assert {(key["type"], key.get("scheme", key.get("name"))) for key in keys.values()} == {
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
    }
    needed = {place: operation["security"] for place, operation in operations(described)}
    assert {place for place, names in needed.items() if not names} == {"GET /health", "GET /ready"}
    assert all({*map(str, names)} in (set(), {*(str({name: []}) for name in keys)}) for names in needed.values())


@pytest.mark.parametrize(
    "type_",
    [
        int | Literal["auto"],
        Annotated[int, Field(ge=0, le=20)] | Literal["section"],
        bool | Literal["required", "must"] | None,
        str | int | float | bool | list[str | int | float | bool],
        Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1, max_length=2)] | None,
        Annotated[float, Field(ge=0, le=1)] | None,
        Literal["hybrid", "dense", "lexical"] | None,
        int | Annotated[float, Field(le=0)],
        list[str] | list[int],
        dict[str, int | None],
        list[tuple[int, int]],
    ],
    ids=str,
)
def test_a_plain_form_says_the_same(type_: Any) -> None:
    schema = TypeAdapter(type_).json_schema()
    simple = {**plain(schema), "components": {"schemas": choices()}}
    values = [
        None, True, 0, 1, 21, -1, 0.5, 1.5, "", "a", "auto", "section", "sections", "required", "must", "hybrid", [],
        ["a"], [1], ["a", "b", "c"], [[]], {}, [[1, 2]], [[1]], [[1, "b"]], [[1, 2, 3]],
        {"a": 1}, {"a": None}, {"a": "x"},
    ]  # fmt: skip
    for value in values:
        assert jsonschema_rs.is_valid(simple, value) == jsonschema_rs.is_valid(schema, value), (simple, value)
