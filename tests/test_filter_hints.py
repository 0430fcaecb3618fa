"""A filter that can find nothing says why; ISO dates have an order."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.errors import QueryError
from retrieval.filters import compile_where
from retrieval.iso_times import following, microseconds
from retrieval.search.nearest_values import nearest
from retrieval.search_hits import SearchHits
from retrieval.segments.columns import Columns

Open = Callable[..., HybridIndex]

DOCUMENTS = [
    Document(
        "docs/guide/a.md",
        "The boiler is serviced in May.",
        metadata={"author": "Ada", "year": 2021, "tags": ["heating"], "ratio": 0.5, "sizes": [1.5], "done": True},
    ),
    Document("docs/kitchen/b.md", "The boiler broke in June.", metadata={"date": "2024-03-05", "author.born": 1815}),
    Document(
        "docs/mixed.pdf",
        "The boiler is on the first page.\n\nAnd the chimney on the second.",
        metadata={
            "label": "solo", "nums": 5, "version": 2, "when": "2024-03-05", "suffix": ".pdf", "modified": 1709640000,
        },
        pages=(0, 34),
    ),
    Document(
        "docs/other.md",
        "A boiler elsewhere.",
        metadata={
            "label": ["solo", "duo"], "nums": [5.0, 7.5], "version": "2", "when": "2024-03-05T10:00", "suffix": ".md",
            "sheet": "A", "sheet_end": "C", "sheets": ["A", "B", "C"],
            "names": [f"Name {number}" for number in range(40)],
        },
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("hints") / "index") as opened:
        add(DOCUMENTS, opened)
        yield opened


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"autor": "Ada"}, "no chunk has a field 'autor'; the nearest: 'author'"),
        ({"Year": 2021}, "no chunk has a field 'Year'; the nearest: 'year'"),
        ({"$or": [{"author": "Ada"}, {"$and": [{"taggs": 1}, {"year": 1}]}]}, "'taggs'; the nearest: 'tags'"),
        ({"zyzzyva": {"$ne": 1}}, "no chunk has a field 'zyzzyva'; there are author, "),
        ({"year": "2021"}, "'year' holds ints, which are never compared with '2021'"),
        ({"year": {"$in": ["2021", "2022"]}}, "'year' holds ints"),
        ({"year": {"$gt": "2021-01-01"}}, "'year' holds ints"),
        ({"date": {"$gt": 2024}}, "'date' holds strings, which are never compared with 2024"),
        ({"done": 1}, "'done' holds bools"),
        (
            {"tags": "heating"},
            """'tags' holds lists, and a list equals nothing; ask for a member with {"tags": {"$con""",
        ),
        ({"tags": {"$in": ["heating"]}}, "ask for a member"),
        ({"sizes": {"$gt": 1}}, "'sizes' holds lists of floats, which are never compared with 1"),
        ({"sizes": {"$contains": 1}}, "the lists in 'sizes' hold floats, and 1 is none of these"),
        ({"author": {"$contains": "Ada"}}, """'author' holds no lists; ask with {"author": "Ada"}"""),
    ],
)
def test_a_filter_that_no_chunk_can_pass_says_why(
    index: HybridIndex, where: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    index.search("boiler", mode="lexical", where=where)
    [(_, level, message)] = caplog.record_tuples
    assert level == logging.WARNING
    assert says in message
    assert index.search("boiler", mode="lexical", where=where).warnings == (message.removesuffix("."),)


EITHER = {"$or": [{"label": "solo"}, {"label": {"$contains": "solo"}}]}
NEITHER = {"$and": [{"label": {"$ne": "solo"}}, {"label": {"$not_contains": "solo"}}]}


@pytest.mark.parametrize(
    ("where", "better", "more"),
    [
        ({"label": "solo"}, EITHER, 1),
        ({"label": {"$contains": "solo"}}, EITHER, 1),
        ({"label": {"$in": ["duo"]}}, {"$or": [{"label": "duo"}, {"label": {"$contains": "duo"}}]}, 1),
        ({"label": {"$ne": "solo"}}, NEITHER, -1),
        ({"nums": 5}, {"$or": [{"nums": 5}, {"nums": {"$contains": 5.0}}]}, 1),
        ({"version": "2"}, {"$or": [{"version": "2"}, {"version": 2}]}, 1),
        ({"version": {"$gte": 2}}, None, 0),
        ({"when": "2024-03-05"}, {"$and": [{"when": {"$gte": "2024-03-05"}}, {"when": {"$lt": "2024-03-06"}}]}, 1),
        ({"date": "2024-03"}, {"$and": [{"date": {"$gte": "2024-03"}}, {"date": {"$lt": "2024-04"}}]}, 1),
        (
            {"modified": "2024-03-05"},
            {"$and": [{"modified": {"$gte": 1709596800}}, {"modified": {"$lt": 1709683200}}]},
            1,
        ),
        ({"page": 2}, {"$and": [{"page": {"$lte": 2}}, {"page_end": {"$gte": 2}}]}, 1),
        ({"line_start": 3}, {"$and": [{"line_start": {"$lte": 3}}, {"line_end": {"$gte": 3}}]}, 1),
        ({"sheet": "B"}, {"$or": [{"sheet": "B"}, {"sheets": {"$contains": "B"}}]}, 1),
        ({"done": "true"}, {"done": True}, 1),
        (EITHER, None, 0),
        (NEITHER, None, 0),
        ({"$and": [{"label": "solo"}, {"suffix": ".pdf"}]}, None, 0),
        ({"page": 1}, None, 0),
        ({"line_start": 1}, None, 0),
        ({"label": {"$in": ["solo", *map(str, range(50))]}}, None, 0),
    ],
)  # fmt: skip
def test_a_filter_that_finds_too_little_is_told_a_better_one(
    index: HybridIndex, where: dict[str, Any], better: dict[str, Any] | None, more: int
) -> None:
    def found(asked: dict[str, Any]) -> SearchHits:
        return index.search("boiler", mode="lexical", top_k=9, where=asked)

    hints = found(where).warnings
    if better is None:
        assert hints == ()
        return
    [hint] = hints
    assert hint.endswith(json.dumps(better))
    assert len(found(better)) == len(found(where)) + more
    assert found(better).warnings == ()


def test_conditions_that_miss_the_same_chunks_are_each_told(index: HybridIndex) -> None:
    both = {"$and": [{"label": "solo"}, {"nums": 5}]}
    assert len(index.search("boiler", mode="lexical", where=both).warnings) == 2
    either = {"$or": [{"label": "solo"}, {"label": "duo"}]}
    assert len(index.search("boiler", mode="lexical", where=either).warnings) == 2
    asked = {"$and": [EITHER, {"nums": 5}]}
    [hint] = index.search("boiler", mode="lexical", where=asked).warnings
    assert hint.startswith("where: 'nums' holds")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"author": "Nobody"}, "no chunk has 'Nobody' in 'author'; there is 'Ada'"),
        ({"author": {"$contains": "da"}}, "'author' holds no lists, and no chunk has 'da'; there is 'Ada'"),
        ({"suffix": "MD"}, "no chunk has 'MD' in 'suffix'; there are '.md', '.pdf'"),
        ({"names": {"$contains": "zzz"}}, "no chunk has 'zzz' in 'names'; no value there is like it"),
        ({"author": {"$in": ["ada", "eve"]}}, """no chunk has ["ada", "eve"] in 'author'; there is 'Ada'"""),
        ({"names": {"$contains": "name-7"}}, "; the nearest: 'Name 7'"),
        ({"names": {"$contains": "Nmae 39"}}, "; the nearest: 'Name 39'"),
        ({"year": 1999.5}, "no chunk has 1999.5 in 'year'; there is 2021"),
        ({"year": {"$gt": 3000}}, """no chunk passes {"year": {"$gt": 3000}}; there is 2021"""),
        ({"year": {"$in": [1, 2]}}, "no chunk has [1, 2] in 'year'; there is 2021"),
        ({"date": {"$gt": "2030"}}, "; there is '2024-03-05'"),
        ({"date": {"$lt": date(2000, 1, 1)}}, "; there is '2024-03-05'"),
        ({"page": 7}, "no chunk has 7 in 'page'; there are 0, 1"),
        ({"sheet": "D"}, "no chunk has 'D' in 'sheet'; there are 'A', 'B', 'C'"),
        ({"source": "guide"}, "; `within` finds what lies below 'docs/guide/'"),
        ({"metadata.ratio": 1}, "no chunk has a field 'metadata.ratio'; the nearest: 'ratio'"),
        ({"$and": [{"author": "Ada"}, {"suffix": ".md"}]}, " as a whole"),
        ({"$or": [{"author": "Eve"}, {"author": "Ada"}]}, None),
    ],
)
def test_a_filter_that_no_chunk_passes_tells_what_there_is(
    index: HybridIndex, where: dict[str, Any], says: str | None
) -> None:
    hints = index.search("boiler", mode="lexical", where=where).warnings
    assert len(hints) == (says is not None)
    assert all(says in hint for hint in hints if says)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("anna", ["Anna"]), ("ann", ["Anna", "Annabel"]), ("Lovelace", ["Ada Lovelace"]), ("muller", ["Müller"]),
        ("Adda Lovelace", ["Ada Lovelace"]), ("x", []), ("", []), ("+", []), ("an\0na", ["Anna"]),
    ],
)  # fmt: skip
def test_the_nearest_values_are_alike_but_for_case_accents_parts_and_slips(wanted: str, found: list[str]) -> None:
    assert nearest(wanted, ["Ada Lovelace", "Anna", "Annabel", "Müller", "C++"]) == found


@pytest.mark.parametrize(
    ("text", "next_"),
    [
        ("2019", "2020"), ("2019-12", "2020-01"), ("2020-02-28", "2020-02-29"), ("9999-12-31", None), ("9999", None),
        ("2019-12-31T10:00", None), ("2019-13", None), ("0999-01", "0999-02"),
    ],
)  # fmt: skip
def test_after_a_date_comes_the_next_of_its_kind(text: str, next_: str | None) -> None:
    assert following(text) == next_


@pytest.mark.parametrize(
    ("within", "says"),
    [
        ("guide/", "no source begins with 'guide/'; the nearest: 'docs/guide/'"),
        ("docs/kichen/", "the nearest: 'docs/kitchen/'"),
        (["docs/guide/", "xyz"], "no source begins with 'xyz'; they begin with 'docs/'"),
    ],
)
def test_a_prefix_of_no_source_says_so(
    index: HybridIndex, within: str | Sequence[str], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    index.search("boiler", mode="lexical", within=within)
    [message] = caplog.messages
    assert says in message


def test_where_there_is_nothing_nothing_is_wrong(open_index: Open, caplog: pytest.LogCaptureFixture) -> None:
    with open_index() as index:
        assert index.search("boiler", mode="lexical", where={"x": 1}, within="y") == []
        with pytest.raises(QueryError):
            index.search("boiler", mode="lexical", where={"$or": 1})
    assert caplog.records == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024", "2024-01-02"),
        ("2024-02", "2024-02-01T00:00:00.000001"),
        ("2024-03-05", "2024-03-05T10:00"),
        ("2024-03-05T10:00:00+01:00", "2024-03-05T09:00:01Z"),
        ("2024-03-05 09:59:59", "2024-03-05T10:00:00"),
        ("0001-01-01", "9999-12-31T23:59:59.999999"),
    ],
)
def test_iso_times_are_ordered_in_time(earlier: str, later: str) -> None:
    first, second = microseconds(earlier), microseconds(later)
    assert first is not None
    assert second is not None
    assert first < second


@pytest.mark.parametrize(
    "text", ["", "24-03-05", "2024-13", "2024-02-30", "2024-03-05T25:00", "May 2024", "2024-03-05x", "٢٠٢٤"]
)
def test_what_is_no_date_has_no_time(text: str) -> None:
    assert microseconds(text) is None


ROWS = [
    {"at": "2024-03-05"}, {"at": "2024-03-05T23:30:00-02:00"}, {"at": "2023-12-31T23:59:59Z"}, {"at": "soon"},
    {"at": 2024}, {"other": "2024-03-05"}, {"at": ["2024-03-05"]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"at": {"$gte": "2024"}}, [0, 1]),
        ({"at": {"$gt": "2024-03-05"}}, [1]),
        ({"at": {"$lt": date(2024, 3, 5)}}, [2]),
        ({"at": {"$lte": datetime(2024, 3, 6, 1, 30, tzinfo=UTC)}}, [0, 1, 2]),
        ({"at": {"$gt": np.datetime64("2024-03-06T01:00")}}, [1]),
        ({"at": date(2024, 3, 5)}, [0]),
        ({"at": {"$in": [date(2024, 3, 5), "soon"]}}, [0, 3]),
        ({"at": {"$contains": date(2024, 3, 5)}}, [6]),
        ({"at": {"$gte": np.int64(2024)}}, [4]),
    ],
)
def test_dates_compare_with_strings_of_dates(where: Mapping[str, Any], rows: list[int]) -> None:
    assert np.flatnonzero(compile_where(where)(Columns.of(ROWS))).tolist() == rows


def test_nothing_but_numbers_and_dates_has_an_order() -> None:
    for bound in ("soon", "2024-02-30", True, None):
        with pytest.raises(QueryError, match="a number or an ISO date"):
            compile_where({"at": {"$gt": bound}})
