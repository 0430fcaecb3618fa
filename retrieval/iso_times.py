"""ISO 8601 dates and times in strings, as points in time that have an order."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}(?:-\d\d){0,2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(text: str) -> int | None:
    """Since the epoch, of "2024", "2024-03", "2024-03-05" or "2024-03-05T10:00:00.5+01:00": the first moment of what is
    named. Without an offset, it is UTC. None for any other text."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (
        int(match[name] or least)
        for name, least in (("year", 0), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    )
    fraction = int((match["fraction"] or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, fraction, tzinfo=_zone(match["zone"]))
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):  # such as the 30th of February
        return None


def following(text: str) -> str | None:
    """The year, month or day after the one that is named: "2020-01" for "2019-12". None for any other text, times
    included, and for the last one."""
    if not _DATE.fullmatch(text) or microseconds(text) is None:
        return None
    year, month, day = (int(part) for part in f"{text}-01-01".split("-")[:3])
    try:
        if len(text) == len("2019-12-31"):
            return (date(year, month, day) + timedelta(days=1)).isoformat()
        if len(text) == len("2019-12"):
            return date(year + month // 12, month % 12 + 1, 1).isoformat()[: len(text)]
        return date(year + 1, 1, 1).isoformat()[: len(text)]
    except (ValueError, OverflowError):  # beyond the year 9999
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
