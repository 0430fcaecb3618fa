"""Calendars (iCalendar, RFC 5545, and vCalendar): each entry's summary, when and where it is, and what it says."""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta

from ingest.loaders.content_lines import ContentLine, content_lines, decode_unfolded, unescaped
from ingest.loaders.markup.html import write_html
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import OWN_PART, Document

_ENTRIES = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_MARKUP = re.compile(r"</?(?:html|body|p|br|b|i|u|a|div|span|ul|ol|li|table)\b[^>]*>", re.I)
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?)?(Z?)")
_DURATION = re.compile(r"\+?P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?")
_SHOWN = (
    ("RRULE", "Repeats"), ("DUE", "Due"), ("COMPLETED", "Completed"), ("LOCATION", "Where"),
    ("ORGANIZER", "Organizer"), ("ATTENDEE", "Attendees"), ("CONTACT", "Contact"), ("CATEGORIES", "Categories"),
    ("STATUS", "Status"), ("RESOURCES", "Resources"), ("URL", "Link"),
)  # fmt: skip
_TIMES, _PEOPLE = frozenset({"DUE", "COMPLETED"}), frozenset({"ORGANIZER", "ATTENDEE"})


_Entry = dict[str, list[ContentLine]]


def load_calendar(data: bytes, *, source: str) -> Document:
    """Events, tasks and journal entries: the summary as a heading, then when, where and who, then the description.

    Reminders, time zones' rules and files inside are left out. The title is the calendar's name, else the summary of
    its only entry. Raises LoadError for what is no calendar, or holds no entry.
    """
    text, notices = decode_unfolded(data)
    if "BEGIN:VCALENDAR" not in text.upper():
        raise LoadError("it is no calendar (it has no line BEGIN:VCALENDAR); export it again as .ics")
    builder = TextBuilder()
    name = write_calendar(text, builder, level=OWN_PART)
    if not builder.length:
        raise LoadError("its calendar has no entries; ignore it in .retrievalignore")
    only = builder.headings[0].text if len(builder.headings) == 1 else None
    return builder.document(source, title=name or only, notices=notices)


def write_calendar(text: str, builder: TextBuilder, *, level: int) -> str:
    """Write the entries of an unfolded calendar, with headings of that level; return its name, which may be ""."""
    name = ""
    inside: list[str] = []
    entry: _Entry = {}
    for found in content_lines(text):
        key = found.name
        if key == "BEGIN":
            inside.append(found.value.strip().upper())
            if inside[-1] in _ENTRIES:
                entry = {}
        elif key == "END":
            if inside and inside.pop() in _ENTRIES:
                _write_entry(entry, builder, level)
        elif inside and inside[-1] in _ENTRIES:
            entry.setdefault(key, []).append(found)
        elif key == "X-WR-CALNAME":
            name = unescaped(found.value)
    if inside and inside[-1] in _ENTRIES:  # the file is cut off
        _write_entry(entry, builder, level)
    return " ".join(name.split())


def _write_entry(entry: _Entry, builder: TextBuilder, level: int) -> None:
    when = _when(entry)
    builder.paragraph()
    builder.begin_heading(level)
    builder.write(_joined(entry, "SUMMARY") or when)
    builder.end_heading()
    builder.paragraph()
    for label, value in (("When", when), *((label, _joined(entry, name)) for name, label in _SHOWN)):
        if value:
            builder.line()
            builder.write(f"{label}: {value}")
    for found in [*(entry.get("DESCRIPTION") or entry.get("X-ALT-DESC", [])), *entry.get("COMMENT", [])]:
        _write_text(unescaped(found.value), builder)


def _write_text(text: str, builder: TextBuilder) -> None:
    """Which may hold HTML, as some services write it."""
    builder.paragraph()
    if _MARKUP.search(text):
        write_html(text.replace("\n", "<br>").encode("utf-8", "replace"), builder, charset="utf-8")
    else:
        builder.begin_verbatim()
        builder.write(text)
        builder.end_verbatim()
    builder.paragraph()


def _joined(entry: _Entry, name: str) -> str:
    """All the entry's properties of that name, on one line."""
    found = entry.get(name, ())
    if name in _TIMES:
        values = [_moment(one)[1] for one in found]
    elif name in _PEOPLE:
        values = [_person(one) for one in found]
    else:
        values = [unescaped(one.value) for one in found]
    return ", ".join(" ".join(value.split()) for value in values if value.strip())


def _person(found: ContentLine) -> str:
    address = re.sub(r"^mailto:", "", found.value.strip(), flags=re.I)
    name = found.parameter("CN").strip()
    return f"{name} <{address}>" if name and name != address else address


def _when(entry: _Entry) -> str:
    """Such as "2024-03-05 14:00 to 15:30 Europe/Berlin"; "" where the entry has no start."""
    if "DTSTART" not in entry:
        return ""
    start, shown, zone = _moment(entry["DTSTART"][0])
    end, shown_end, end_zone = _moment(entry["DTEND"][0]) if "DTEND" in entry else (None, "", zone)
    if start is not None and "DURATION" in entry:
        end = _after(start, entry["DURATION"][0].value)
        shown_end = _shown(end) if end else ""
    if end is not None and type(end) is date:  # a day that is no longer part of it
        end -= timedelta(days=1)
        shown_end = _shown(end)
    if shown_end in ("", shown):
        return f"{shown} {zone}".strip()
    if isinstance(start, datetime) and isinstance(end, datetime) and start.date() == end.date():
        shown_end = shown_end.partition(" ")[2]
    between = f" {zone} to " if zone != end_zone else " to "
    return f"{shown}{between}{shown_end} {end_zone}".strip()


def _moment(found: ContentLine) -> tuple[date | None, str, str]:
    """The time, how it is written, and its zone; None and the value itself where that is no time."""
    match = _TIME.fullmatch(found.value.strip())
    if match is None:
        return None, found.value.strip(), ""
    zone = "UTC" if match[7] else found.parameter("TZID")
    zone = "/".join(zone.split("/")[-2:]) if zone.startswith("/") else zone  # "/registry/Europe/Berlin"
    year, month, day = (int(number) for number in match.group(1, 2, 3))
    moment: date
    try:
        moment = datetime(year, month, day, int(match[4]), int(match[5])) if match[4] else date(year, month, day)
    except ValueError:
        return None, found.value.strip(), ""
    return moment, _shown(moment), zone


def _shown(moment: date) -> str:
    return moment.strftime("%Y-%m-%d %H:%M") if isinstance(moment, datetime) else moment.isoformat()


def _after(start: date, duration: str) -> date | None:
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    with suppress(OverflowError):
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return None
