"""A filter selects the chunks that Chroma itself selects with it, and refuses what Chroma refuses."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import QueryError
from retrieval.filters import compile_where, compile_where_document
from retrieval.segments.columns import Columns
from retrieval.types import Metadata

NAMES = ["", "a", "A", "rain", "Rain", "5", "é", "日本", "50% _off_", "o'hare", 'quo"te', "a\\b"]
TRICKY_TEXTS = [
    "", "Rain in Spain", "rain", "50% off", "50 percent", "a_b", "axb", "a*b", "a?b", "[x]", "back\\slash", "o'hare",
    'quo"te', "café", "CAFÉ", "cafe\u0301", "日本語テキスト", "日本", "line1\nline2", "tab\tx", "İstanbul", "straße",
    "STRASSE", "AND OR NOT", "αβγ", "ΑΒΓ", "x\r\ny", "١٢٣", "123", "🙂 smile", "\u212a", "k", "a\u2028b", "_", "%",
]  # fmt: skip


@dataclass(frozen=True)
class Shelf:
    """A real Chroma collection and what lies in it."""

    collection: Any
    rows: dict[str, dict[str, Any]]
    texts: dict[str, str]
    columns: Columns

    def agrees_on(self, where: dict[str, object]) -> None:
        mask = compile_where(where)(self.columns).tolist()
        ours = {id_ for id_, holds in zip(self.rows, mask, strict=True) if holds}
        assert ours == set(self.collection.get(where=where, include=[])["ids"])

    def agrees_on_document(self, where_document: dict[str, object]) -> None:
        holds = compile_where_document(where_document)
        ours = {id_ for id_, text in self.texts.items() if holds(text)}
        assert ours == set(self.collection.get(where_document=where_document, include=[])["ids"])


def holds(where: Any, row: Metadata) -> bool:
    return bool(compile_where(where)(Columns.of([row]))[0])


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(tmp_path_factory.mktemp("chroma")), Settings(anonymized_telemetry=False))
    collection = client.create_collection("chunks", embedding_function=None)
    rng = random.Random(20)
    texts = {f"t{n}": text for n, text in enumerate(TRICKY_TEXTS)}
    texts |= {f"r{n}": "".join(rng.choices("abAB%_*?[\\'\" éÉ日\n.1", k=rng.randint(1, 12))) for n in range(200)}
    rows = {id_: _row(rng) for id_ in texts}
    collection.add(
        ids=list(texts),
        embeddings=[[1.0, 0.0]] * len(texts),
        documents=list(texts.values()),
        metadatas=[{"always": 1} | rows[id_] for id_ in texts],
    )
    yield Shelf(collection, rows, texts, Columns.of(list(rows.values())))
    client.close()


def _row(rng: random.Random) -> dict[str, Any]:
    """Some of the fields; no field that holds ints is asked for fractions, where Chroma truncates."""
    row: dict[str, Any] = {
        "name": rng.choice(NAMES),
        "flag": rng.random() < 0.5,
        "count": rng.choice([rng.randint(-5, 5), float(rng.randint(-5, 5))]),
        "score": rng.choice([-1.5, -0.25, 0.0, 0.1, 1.0, 1.5, 1e-9, 1e300]),
        "large": rng.choice([2**53, 2**53 + 1, 2**63 - 1, -(2**63)]),
        "mixed": rng.choice([True, False, 0, 1, 1.0, 0.0, "1", "True", "", "a", 5]),
        "tags": rng.choices(NAMES, k=rng.randint(1, 3)),
        "any": rng.choice(
            [
                rng.choices(range(-2, 3), k=rng.randint(1, 3)),
                rng.choices([-1.5, 0.0, 1.0, 2.0], k=rng.randint(1, 3)),
                rng.choices([True, False], k=rng.randint(1, 2)),
                rng.choices(["1", "True", "a", ""], k=rng.randint(1, 3)),
                [2**63 - 1, 2**53 + 1],
                rng.choice([1, 1.0, True, "a"]),
            ]
        ),
    }
    return {key: value for key, value in row.items() if rng.random() < 0.7}


WHOLE = st.integers(-6, 6) | st.integers(-6, 6).map(float)
FRACTIONS = st.sampled_from([-1.5, -0.25, 0.0, 0.1, 1.0, 1.5, 1e-9, 1e300, 0, 1])
LARGE = st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0])
OPERANDS = {
    "name": st.sampled_from([*NAMES, "unseen", "RAIN"]),
    "flag": st.booleans(),
    "count": WHOLE,
    "score": FRACTIONS,
    "large": LARGE,
    "mixed": WHOLE | st.booleans() | st.sampled_from(["1", "True", "a", ""]),
    "tags": st.sampled_from([*NAMES, "unseen", "RAIN"]),
    "any": WHOLE | st.booleans() | st.sampled_from(["1", "True", "a", "", 2**63 - 1, 2**53]),
    "missing": WHOLE | st.text(max_size=2) | st.booleans(),
}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, object]:
    field = draw(st.sampled_from(sorted(OPERANDS)))
    operand = draw(OPERANDS[field])
    operators = ["", "$eq", "$ne", "$in", "$nin", "$contains", "$not_contains"]
    if type(operand) in (int, float):
        operators += ["$gt", "$gte", "$lt", "$lte"]
    name = draw(st.sampled_from(operators))
    if not name:
        return {field: operand}
    if name in ("$in", "$nin"):
        others = OPERANDS[field].filter(lambda other: type(other) is type(operand))
        return {field: {name: [operand, *draw(st.lists(others, max_size=3))]}}
    return {field: {name: operand}}


def joined(leaves: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
    def join(parts: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
        return st.dictionaries(
            st.sampled_from(["$and", "$or"]), st.lists(parts, min_size=2, max_size=3), min_size=1, max_size=1
        )

    return st.recursive(leaves, join, max_leaves=6)


PIECES = [
    "a", "b", "B", ".", "é", "日", r"\w", r"\d", r"\s", r"\W", r"\b", "[ab]", "[^a]", "(?i)é", "(?i:a)", "a+", "b*?",
    "(a|b)", "^", "$", r"\p{L}", r"\z", "(?s).", "a{1,2}", r"\%", "[[:alpha:]]", "_", r"\\", "(", "(?=a)", "*",
    r"(a)\1",
]  # fmt: skip
PARTS = st.text(alphabet="abAB%_*?[\\'\" éÉ日\n.1", min_size=1, max_size=4) | st.sampled_from(
    [t for t in TRICKY_TEXTS if t]
)
document_conditions = st.one_of(
    st.dictionaries(st.sampled_from(["$contains", "$not_contains"]), PARTS, min_size=1, max_size=1),
    st.dictionaries(
        st.sampled_from(["$regex", "$not_regex"]),
        st.lists(st.sampled_from(PIECES[:-4]), min_size=1, max_size=4).map("".join),
        min_size=1,
        max_size=1,
    ),
)


@given(where=joined(conditions()))
def test_where_selects_what_chroma_selects(shelf: Shelf, where: dict[str, object]) -> None:
    shelf.agrees_on(where)


@given(where_document=joined(document_conditions))
def test_where_document_selects_what_chroma_selects(shelf: Shelf, where_document: dict[str, object]) -> None:
    shelf.agrees_on_document(where_document)


@given(pattern=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join))
def test_a_pattern_is_refused_exactly_where_chroma_refuses_it(shelf: Shelf, pattern: str) -> None:
    try:
        compile_where_document({"$regex": pattern})
    except QueryError:
        with pytest.raises(chroma_error()):
            shelf.collection.get(where_document={"$regex": pattern}, include=[])
    else:
        shelf.agrees_on_document({"$regex": pattern})


@pytest.mark.parametrize("text", TRICKY_TEXTS[1:])
def test_every_text_is_found_by_itself_and_by_each_of_its_characters(shelf: Shelf, text: str) -> None:
    shelf.agrees_on_document({"$contains": text})
    for character in set(text):
        shelf.agrees_on_document({"$contains": character})


@pytest.mark.parametrize("empty", [None, {}])
def test_no_filter_holds_for_everything(empty: dict[str, object] | None) -> None:
    assert holds(empty, {})
    assert compile_where_document(empty)("")


def chain(leaf: dict[str, object], depth: int) -> dict[str, object]:
    expression = leaf
    for _ in range(depth):
        expression = {"$or": [expression, leaf]}
    return expression


def chroma_error() -> type[Exception]:
    from chromadb.errors import ChromaError

    return ChromaError


REFUSED = [
    ("no object", ["year", 5]),
    ("an empty list", []),
    ("two fields", {"year": 5, "name": "a"}),
    ("two operators", {"year": {"$gt": 1, "$lt": 5}}),
    ("no operator", {"year": {}}),
    ("an unknown operator", {"year": {"$near": 5}}),
    ("a regex on a field", {"name": {"$regex": "a"}}),
    ("an operator as a field", {"$gt": 5}),
    ("an unknown connective", {"$not": {"year": 5}}),
    ("$and of one", {"$and": [{"year": 5}]}),
    ("$or of none", {"$or": []}),
    ("$and of an object", {"$and": {"year": 5}}),
    ("$and of a tuple", {"$and": ({"year": 5}, {"year": 6})}),
    ("an empty part", {"$and": [{}, {"year": 5}]}),
    ("$in of none", {"year": {"$in": []}}),
    ("$in of a string", {"name": {"$in": "abc"}}),
    ("$nin of two types", {"year": {"$nin": [5, 5.0]}}),
    ("$in of int and bool", {"year": {"$in": [5, True]}}),
    ("an order on strings", {"name": {"$gt": "a"}}),
    ("an order on bools", {"flag": {"$lte": True}}),
    ("null", {"year": None}),
    ("$eq null", {"year": {"$eq": None}}),
    ("a list", {"year": [5]}),
    ("$ne of a list", {"year": {"$ne": [5]}}),
    ("$contains of a list", {"year": {"$contains": [5]}}),
    ("NaN", {"year": float("nan")}),
    ("infinity", {"year": {"$lt": float("inf")}}),
    ("an int of 65 bits", {"year": 2**63}),
    ("half a character", {"name": "\ud800"}),
    ("a key that is no string", {5: 5}),
    ("too deep", chain({"year": 5}, 64)),
]


@pytest.mark.parametrize("where", [where for _, where in REFUSED], ids=[name for name, _ in REFUSED])
def test_where_refuses_what_chroma_refuses_and_says_so_in_one_line(shelf: Shelf, where: Any) -> None:
    with pytest.raises((ValueError, TypeError, chroma_error())):
        shelf.collection.get(where=where)
    with pytest.raises(QueryError, match=r"^where: ") as refusal:
        compile_where(where)
    assert "\n" not in str(refusal.value)


REFUSED_DOCUMENT = [
    ("a string", "rain"),
    ("two operators", {"$contains": "a", "$not_contains": "b"}),
    ("an unknown operator", {"$eq": "rain"}),
    ("a field", {"name": "rain"}),
    ("an empty string", {"$contains": ""}),
    ("an empty pattern", {"$regex": ""}),
    ("a number", {"$contains": 5}),
    ("a list", {"$contains": ["a"]}),
    ("$or of one", {"$or": [{"$contains": "a"}]}),
    ("$and of strings", {"$and": ["a", "b"]}),
    ("an open bracket", {"$regex": "("}),
    ("a back-reference", {"$regex": r"(a)\1"}),
    ("look-ahead", {"$not_regex": "(?!a)"}),
    ("Python's \\Z", {"$regex": r"a\Z"}),
    ("a pattern too large", {"$regex": "(a{1000}){1000}"}),
    ("half a character", {"$contains": "\udfff"}),
    ("too deep", chain({"$contains": "a"}, 64)),
]


@pytest.mark.parametrize("where", [where for _, where in REFUSED_DOCUMENT], ids=[name for name, _ in REFUSED_DOCUMENT])
def test_where_document_refuses_what_chroma_refuses_and_says_so_in_one_line(shelf: Shelf, where: Any) -> None:
    with pytest.raises((ValueError, TypeError, chroma_error())):
        shelf.collection.get(where_document=where)
    with pytest.raises(QueryError, match=r"^where_document: ") as refusal:
        compile_where_document(where)
    assert "\n" not in str(refusal.value)


def test_a_filter_may_be_as_deep_as_chroma_takes_it(shelf: Shelf) -> None:
    shelf.agrees_on(chain({"count": 1}, 63))
    shelf.agrees_on_document(chain({"$contains": "a"}, 63))


@pytest.mark.parametrize("key", ["#document", "chroma:document"])
def test_the_text_is_filtered_by_where_document_alone(key: str) -> None:
    with pytest.raises(QueryError, match="where_document"):
        compile_where({key: {"$contains": "rain"}})


@pytest.mark.parametrize(
    ("where", "year", "expected"),
    [
        ({"year": 1999.5}, 1999, False),
        ({"year": {"$ne": 1999.5}}, 1999, True),
        ({"year": {"$gte": 1999.5}}, 1999, False),
        ({"year": {"$gt": -1999.5}}, -1999, True),
        ({"year": {"$lt": 1999.5}}, 1999, True),
        ({"year": {"$in": [1999.5]}}, 1999, False),
        ({"year": 2**53 + 1}, float(2**53), False),
        ({"year": {"$gt": 2**53 + 1}}, float(2**53), False),
        ({"year": {"$lt": 2**53 + 1}}, float(2**53), True),
        ({"year": {"$gte": 2**53 + 1}}, float(2**53 + 2), True),
        ({"year": {"$lte": 2**63 - 1}}, float(2**63), False),
        ({"year": {"$gt": 1e300}}, 2**63 - 1, False),
    ],
)
def test_numbers_compare_by_value_where_chroma_truncates(where: dict[str, object], year: float, expected: bool) -> None:
    assert holds(where, {"year": year}) is expected


def test_a_fraction_still_meets_a_truncated_int_in_chroma(shelf: Shelf) -> None:
    """The day this fails, Chroma compares by value too, and the docstring of `filters` can lose a paragraph."""
    found = set(shelf.collection.get(where={"count": 1.5}, include=[])["ids"])
    assert found == {id_ for id_, row in shelf.rows.items() if row.get("count") == 1 and type(row["count"]) is int}
    assert found


def test_a_filter_may_be_as_wide_as_it_likes() -> None:
    columns = Columns.of([{"count": count, "name": str(count)} for count in (1999, 2000, 49_999, 50_000)])
    alternatives = compile_where({"$or": [{"count": number} for number in range(2000)]})
    numbers = compile_where({"count": {"$in": list(range(50_000))}})
    names = compile_where({"name": {"$in": [str(number) for number in range(50_000)]}})
    assert alternatives(columns).tolist() == [True, False, False, False]
    assert numbers(columns).tolist() == names(columns).tolist() == [True, True, True, False]


SCALARS = [
    st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.sampled_from(NAMES),
]
VALUES = st.one_of(*SCALARS, *(st.lists(scalar, min_size=1, max_size=3) for scalar in SCALARS))
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "é"]), VALUES) | st.just({"a": 1, "b": "x"}), max_size=8)
NUMBERS = SCALARS[0] | SCALARS[1] | st.sampled_from([float(2**53), 2**53 + 1, 1e300, 0.5])


@given(value=NUMBERS, bound=NUMBERS)
def test_numbers_of_all_sizes_compare_as_in_python(value: float, bound: float) -> None:
    row = {"n": value}
    assert holds({"n": {"$gt": bound}}, row) == (value > bound)
    assert holds({"n": {"$gte": bound}}, row) == (value >= bound)
    assert holds({"n": {"$lt": bound}}, row) == (value < bound)
    assert holds({"n": {"$lte": bound}}, row) == (value <= bound)
    assert holds({"n": bound}, row) == (value == bound)
    assert holds({"n": {"$in": [bound, bound]}}, row) == (value == bound)


@given(parts=st.lists(ROWS, max_size=4), data=st.data())
def test_merged_columns_are_those_of_the_kept_rows(parts: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    kept: list[Metadata] = []
    pairs: list[tuple[Columns, Any]] = []
    for rows in parts:
        keep = data.draw(st.none() | st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
        pairs.append((Columns.of(rows), None if keep is None else np.array(keep, np.bool_)))
        kept += [row for row, keeps in zip(rows, keep or [True] * len(rows), strict=True) if keeps]
    assert stored(Columns.merged(pairs)) == stored(Columns.of(kept))


@given(rows=ROWS, where=joined(conditions()))
def test_loaded_columns_are_those_that_were_stored(rows: list[dict[str, Any]], where: dict[str, object]) -> None:
    columns = Columns.of(rows)
    described = json.loads(json.dumps(columns.description()))
    arrays = {name: np.frombuffer(array.tobytes(), array.dtype) for name, array in columns.arrays().items()}
    loaded = Columns.load(len(rows), described, arrays)
    assert loaded.kinds() == columns.kinds()
    assert loaded.kinds().keys() == frozenset().union(*rows)
    assert stored(loaded) == stored(columns)
    assert stored(Columns.merged([(loaded, None)])) == stored(columns)
    assert (compile_where(where)(loaded) == compile_where(where)(columns)).all()


def stored(columns: Columns) -> Any:
    """All that would be written of them."""
    arrays = {name: (array.dtype, array.tobytes()) for name, array in columns.arrays().items()}
    return columns.size, columns.description(), arrays


def test_an_int_that_every_row_has_is_read_as_a_vector() -> None:
    rows = [{"tokens": 300, "page": 1}, {"tokens": 2}]
    assert Columns.of(rows).ints("tokens").tolist() == [300, 2]
    assert Columns.of([]).ints("tokens").tolist() == []
    for field in ("page", "none"):
        with pytest.raises(KeyError):
            Columns.of(rows).ints(field)
