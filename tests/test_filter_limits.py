"""What a filter may cost where strangers ask."""

import pytest

from retrieval.adapters.filter_limits import check_filter
from retrieval.errors import QueryError


@pytest.mark.parametrize(
    "pattern",
    [
        "rain|snow", "(?i)ra?in", r"\bv\d+\.\d+\b", r"[a-z]{3,20}", r"\w+@\w+\.com", "x{2,}", "]" * 50,
        r"\p{Greek}{50}", "(?:ab){500}", "[[:alpha:]]{20}", "a" * 2000,
    ],
)  # fmt: skip
def test_what_people_write_is_read(pattern: str) -> None:
    check_filter("where_document", {"$regex": pattern})


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w{101}", r"(?:\w{10}){11}", "((a{1000}){1000}){1000}", "a{2001}", "a{0,9999999999}", "a" * 2001,
        "[[:alpha:]]{200}", r"\P{L}{150}", r"(?:[\]a-z]x){100}", "[" * 5000, r"(\w|\d){60}",
    ],
)  # fmt: skip
def test_what_would_be_compiled_to_megabytes_is_refused(pattern: str) -> None:
    with pytest.raises(QueryError, match=r"where_document: its regular expressions are too large.*repeat less"):
        check_filter("where_document", {"$or": [{"$contains": "a"}, {"$not_regex": pattern}]})


def test_regular_expressions_count_together() -> None:
    many = [{"$regex": rf"\w{{10}}{number}"} for number in range(60)]
    check_filter("where_document", {"$or": many[:9]})
    with pytest.raises(QueryError, match="too large"):
        check_filter("where_document", {"$or": many})
