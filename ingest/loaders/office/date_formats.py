"""Dates, times and durations as a spreadsheet shows them."""

import datetime
from collections.abc import Sequence

from ingest.loaders.office.date_names import ENGLISH, DateNames, names_of
from ingest.loaders.office.format_codes import Token

_DAY = 86_400
_EPOCH, _EPOCH_OF_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)
_LEAP_DAY = 60  # Excel takes 1900 for a leap year: from this day on its count is one too high
_LAST_DAY = 2_958_465  # 31 December 9999


def day_of(days: float, *, since_1904: bool) -> datetime.datetime | None:
    """The date and time that a number of days stands for; None for what is none."""
    if not 0 <= days <= _LAST_DAY:
        return None
    epoch = _EPOCH_OF_1904 if since_1904 else _EPOCH if days >= _LEAP_DAY else _EPOCH + datetime.timedelta(days=1)
    try:
        return epoch + datetime.timedelta(milliseconds=round(days * _DAY * 1000))
    except OverflowError:
        return None


def iso(moment: datetime.datetime) -> str:
    """`2024-03-05`, or `2024-03-05 12:00:00` where there is a time of day."""
    return moment.date().isoformat() if moment.time() == datetime.time() else moment.isoformat(" ", "seconds")


def show_date(tokens: Sequence[Token], days: float, *, since_1904: bool, language: str = "") -> str:
    """A number of days as these tokens of a format show it, with names in its language; "" for what is no date.

    A date without four digits of its year is in ISO form: the reader's country decides how it is shown, and what is
    left out distinguishes it from others.
    """
    places = min(3, sum(token.kind == "digit" for token in tokens))
    milliseconds = _rounded(abs(days) * _DAY * 1000, 10 ** (3 - places))
    if any(token.kind == "elapsed" for token in tokens):
        return ("-" if days < 0 else "") + _joined(tokens, milliseconds, None)
    moment = day_of(milliseconds / 1000 / _DAY, since_1904=since_1904) if days >= 0 else None
    if moment is None:
        return ""
    letters = [token.text for token in _with_minutes(tokens) if token.kind == "date"]
    if any(text[0] in "ymd" for text in letters) and not any(len(text) > 2 and text[0] == "y" for text in letters):
        return iso(moment) if days >= 1 else moment.time().isoformat("seconds")
    return _joined(tokens, milliseconds, moment, names_of(language))


def _rounded(milliseconds: float, step: int) -> int:
    return (round(milliseconds) + step // 2) // step * step


def _joined(
    tokens: Sequence[Token], milliseconds: int, moment: datetime.datetime | None, names: DateNames = ENGLISH
) -> str:
    in_halves = any(token.text in {"am/pm", "a/p"} for token in tokens)
    fraction = f"{milliseconds % 1000:03}"
    written = []
    for token in _with_minutes(tokens):
        if token.kind == "digit":
            written.append(fraction[:1] or "0")
            fraction = fraction[1:]
        elif token.kind in {"date", "elapsed"}:
            written.append(_part(token, milliseconds // 1000, moment, names, in_halves=in_halves))
        else:
            written.append(token.text)
    return "".join(written)


def _with_minutes(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, with "n" in place of the "m" of those that are minutes: next to hours or seconds, and no month."""
    found = list(tokens)
    places = [index for index, token in enumerate(found) if token.kind in {"date", "elapsed"}]
    for place, index in enumerate(places):
        before = found[places[place - 1]].text if place else " "
        after = found[places[place + 1]].text if place + 1 < len(places) else " "
        kind, text = found[index]
        if kind == "date" and text in {"m", "mm"} and (before[0] == "h" or after[0] == "s"):
            found[index] = Token(kind, "n" * len(text))
    return found


def _part(token: Token, seconds: int, moment: datetime.datetime | None, names: DateNames, *, in_halves: bool) -> str:
    letter, width = token.text[0], len(token.text)
    if token.kind == "elapsed":
        return f"{seconds // {'h': 3600, 'm': 60, 's': 1}[letter]:0{width}}"
    time = datetime.timedelta(seconds=seconds % _DAY)
    hours, minutes = time.seconds // 3600, time.seconds // 60 % 60
    if letter == "a":
        halves = ("am", "pm") if token.text == "am/pm" else ("a", "p")
        return halves[hours >= 12].upper()
    if letter in "hns":
        number = (hours % 12 or 12) if letter == "h" and in_halves else hours if letter == "h" else minutes
        return f"{time.seconds % 60 if letter == 's' else number:0{min(width, 2)}}"
    if moment is None:
        return ""
    if letter == "y":
        return f"{moment.year:04}" if width > 2 else f"{moment.year % 100:02}"
    number, name = (
        (moment.month, names.months[moment.month - 1]) if letter == "m" else (moment.day, names.days[moment.weekday()])
    )
    if width < 3:
        return f"{number:0{width}}"
    return name[: {3: 3, 5: 1}.get(width, len(name))]
