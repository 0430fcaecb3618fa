"""Dates and times of a query in the forms that others write them in: 2024-03-14 for 14.03.2024, 09:30 for 9:30."""

import re
from collections.abc import Iterator

from retrieval.analysis.analyzer import JOINED

_DATE = re.compile(
    r"(?<![\w.-])(?:(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"
    r"|(?P<year_>\d{4})-(?P<month_>\d{1,2})-(?P<day_>\d{1,2}))(?![\w-]|\.\d)",
    re.ASCII,
)
_TIME = re.compile(r"(?<![\w.:])(\d{1,2}):(\d{2})(?![\w:]|\.\d)", re.ASCII)


def other_forms(query: str) -> Iterator[tuple[str, int, int]]:
    """(term, start, end): the terms that texts have in place of the query's own, and of what; always in the same order:
    scores are sums in it."""
    for date in _DATE.finditer(query):
        year, month, day = (date[name] or date[f"{name}_"] for name in ("year", "month", "day"))
        iso = f"{year}{month:0>2}{day:0>2}"
        forms = (JOINED + iso, iso, f"{day:0>2}.{month:0>2}.{year}", f"{int(day)}.{int(month)}.{year}")
        yield from ((form, *date.span()) for form in dict.fromkeys(forms) if form != date[0])
    for time in _TIME.finditer(query):
        hour, minutes = time.groups()
        padded, plain = f"{hour:0>2}", str(int(hour))
        yield from ((form, *time.span(1)) for form in dict.fromkeys((padded, plain)) if form != hour)
        yield from ((form, *time.span()) for form in dict.fromkeys((f"{padded}.{minutes}", f"{plain}.{minutes}")))
