"""Random filters on an index in Milvus, held against the predicates that decide what a filter lets through."""

import random
from typing import Any

from retrieval import HybridIndex
from retrieval.chroma.rows import chunk_metadata
from retrieval.errors import ConfigError, QueryError
from retrieval.filters import compile_where, compile_where_document
from retrieval.segments.columns import Columns
from retrieval.types import Document

_NUMBERS = (
    0, 1, -1, 5, -3, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1 - 2**63, 0.0, -0.0, 5.0, 5.5, -0.5, 0.1, 1e300,
    -1e300, 1e-7, 5e-324, 1e16, 2.0**53, 2.0**63,
)  # fmt: skip
_TIMES = (
    "2024", "2024-03", "2024-03-05", "2024-03-05T10:00:00+14:00", "2024-02-29T23:59:59.999Z", "2024-03-06 01:00-12:00",
    "0001-01-01", "9999-12-31",
)  # fmt: skip
_STRINGS = (
    "", "a", "A", "5", "äq", "o'x", 'say "so"', "two\nlines", "\nx", "x\r\n", "\n", "tab\tbed", "\x7f", "\x01", "\\",
    "\\n", "back\\slash", "ends\\", "日本", "עברית", "😀", "%", "_", "100%", "a_b", "\u2028", "\x85", "\xa0", "e\u0301",
    "null", "true", "metadata", '") or (1==1', "2024-13-01", "x" * 300,
)  # fmt: skip
_SCALARS = (*_NUMBERS, True, False, *_TIMES, *_STRINGS)
_LISTS = (
    ["a", "b"], ["two\nlines", "x"], ["back\\slash"], ["日本", "😀", ""], [1, 2], [2**53 + 1], [1.0, 2.5], [0.1],
    [True], ["5"], [5], [5.0], ["2024-03-05"],
)  # fmt: skip
_KEYS = (
    "k", "year", "sp ace", "dot.ted", "ü", 'quo"ted', "sl/ash", "til~de", "back\\slash", "new\nline", "0", "*", "😀",
    "o'x",
)  # fmt: skip
_TEXTS = (
    "river", "mill", "two\nlines", "100%", "a_b", "back\\slash", '"quoted"', "日本", "😀", "tab\there", "%", "o'x",
    "e\u0301", "straße", ".*",
)  # fmt: skip
_FOLDERS = ("a/", "b/x", "new\nline/", 'q"/', "ü/", "日本/", "😀/", "back\\/", "100%/", "_/", "a")
_PATTERNS = ("ri.er", "(?i)MILL", "\\n", "^a", ".", "日.", "[%_]")
_ORDERED = ("$gt", "$gte", "$lt", "$lte")
_OPERATORS = ("$eq", "$ne", *_ORDERED, "$in", "$nin", "$contains", "$not_contains")


def odd_documents(draw: random.Random, count: int) -> list[Document]:
    """Of one passage each."""
    return [
        Document(
            source=f"{draw.choice(_FOLDERS)}{draw.choice(_FOLDERS)}{number}",
            text=" ".join(["river", *draw.choices(_TEXTS, k=draw.randint(0, 6))]),
            metadata={key: draw.choice((*_SCALARS, *_LISTS)) for key in _KEYS if draw.random() < 0.7},
        )
        for number in range(count)
    ]


def where(draw: random.Random, depth: int = 0) -> dict[str, Any]:
    """Most of them can be compiled."""
    if depth < 3 and draw.random() < 0.4:
        count = draw.choice([2, 2, 3, 5, 60 if depth == 0 else 2])
        return {draw.choice(["$and", "$or"]): [where(draw, depth + 1) for _ in range(count)]}
    key, operator, value = draw.choice([*_KEYS, "ordinal"]), draw.choice(_OPERATORS), draw.choice(_SCALARS)
    if operator in _ORDERED:
        value = draw.choice((*_NUMBERS, *_TIMES))
    if operator in ("$in", "$nin"):
        return {key: {operator: [each for each in draw.sample(_SCALARS, 30) if type(each) is type(value)] or [value]}}
    if operator in ("$contains", "$not_contains"):
        value = draw.choice([member for each in _LISTS for member in each])
    return {key: value} if operator == "$eq" and draw.random() < 0.5 else {key: {operator: value}}


def where_document(draw: random.Random, depth: int = 0) -> dict[str, Any]:
    if depth < 2 and draw.random() < 0.4:
        return {draw.choice(["$and", "$or"]): [where_document(draw, depth + 1) for _ in range(draw.randint(2, 3))]}
    operator = draw.choice(["$contains", "$contains", "$not_contains", "$regex", "$not_regex"])
    if "regex" in operator:
        return {operator: draw.choice(_PATTERNS)}
    return {operator: draw.choice([" ".join(draw.choices(_TEXTS, k=2)), draw.choice(_TEXTS)[: draw.randint(1, 4)]])}


def check_filters(index: HybridIndex, draw: random.Random, *, count: int) -> tuple[int, int]:
    """Ask `count` filters that can be compiled. Returns how many were refused by name, and how many let anything
    through."""
    searcher = index.searcher()
    chunks = [chunk for record in searcher.searchable() for chunk in searcher.chunks(record.source)]
    columns = Columns.of([chunk_metadata(chunk) for chunk in chunks])
    done = refused = passing = 0
    while done < count:
        options: dict[str, Any] = {"where": where(draw) if draw.random() < 0.8 else None}
        options["where_document"] = where_document(draw) if draw.random() < 0.4 else None
        sources = [draw.choice(chunks).source for _ in range(draw.choice([1, 2, 80]))]
        options["within"] = [each[: draw.randint(1, 6)] for each in sources] if draw.random() < 0.3 else None
        try:
            mask, text_passes = (
                compile_where(options["where"])(columns),
                compile_where_document(options["where_document"]),
            )
        except QueryError:
            continue
        done += 1
        within = tuple(options["within"] or [""])
        expected = {
            chunk.id
            for chunk, passes in zip(chunks, mask.tolist(), strict=True)
            if passes and text_passes(chunk.text) and chunk.source.startswith(within)
        }
        passing += bool(expected)
        mode = draw.choice(["dense", "lexical", "hybrid"])
        try:
            hits = index.search("river", len(chunks), mode=mode, collapse=False, **options)
        except ConfigError:
            refused += 1
            continue
        assert {hit.id for hit in hits} == expected, (mode, options)
    return refused, passing
