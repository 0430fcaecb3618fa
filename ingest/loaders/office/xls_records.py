"""What the records of an XLS say of its cells besides their values: how numbers are shown, and comments. [MS-XLS]"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.loaders.office.compound_file import read_stream
from ingest.loaders.office.number_formats import BUILT_IN, NumberFormat

_BEGIN, _END, _SHEET, _FORMAT, _STYLE, _DATES = 0x809, 0x0A, 0x85, 0x41E, 0xE0, 0x22
_NUMBER, _RK, _RKS, _FORMULA = 0x203, 0x27E, 0xBD, 0x06
_NOTE, _OBJECT, _TEXT, _CONTINUE = 0x1C, 0x5D, 0x1B6, 0x3C
_BIFF8 = 0x600
_CHART_TEXT = 0x100D  # a title, or the name of a series
_NO_NUMBER = b"\xff\xff"  # at the end of a formula's value


@dataclass(slots=True)
class SheetExtras:
    """By row and column, both from 0: numbers as they are shown, and comments in brackets; and titles and names
    in charts, with the text in boxes."""

    shown: dict[tuple[int, int], str] = field(default_factory=dict)
    comments: dict[tuple[int, int], str] = field(default_factory=dict)
    boxes: list[str] = field(default_factory=list)


def extras_of(data: bytes) -> dict[str, SheetExtras]:
    """What the sheets of an XLS have, by their names; nothing of one of before 1997, and less of a damaged one."""
    stream = read_stream(data, "Workbook")
    try:
        return _Workbook(stream).sheets() if stream else {}
    except (struct.error, IndexError):
        return {}


def _records(stream: bytes, position: int) -> Iterator[tuple[int, bytes, bool]]:
    """The records up to the end of the part that begins at `position`, and whether each is of a chart within it."""
    depth = 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        yield kind, stream[position + 4 : position + 4 + size], depth > 1
        position += 4 + size
        depth += (kind == _BEGIN) - (kind == _END)
        if depth <= 0:
            return


def _string(data: bytes, count: int) -> str:
    """So many characters behind a byte whose lowest bit says whether each has two bytes."""
    return (
        data[1 : 1 + 2 * count].decode("utf-16-le", "replace")
        if data[:1] and data[0] & 1
        else data[1 : 1 + count].decode("latin-1")
    )


class _Workbook:
    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._places: dict[str, int] = {}
        codes, styles, since_1904 = dict(BUILT_IN), [], False
        for kind, record, _ in _records(stream, 0):
            if kind == _BEGIN and struct.unpack_from("<H", record)[0] != _BIFF8:
                return
            if kind == _SHEET:
                self._places[_string(record[7:], record[6])] = struct.unpack_from("<I", record)[0]
            elif kind == _FORMAT:
                number, count = struct.unpack_from("<HH", record)
                codes[number] = _string(record[4:], count)
            elif kind == _STYLE:
                styles.append(struct.unpack_from("<H", record, 2)[0])
            elif kind == _DATES:
                since_1904 = record[:1] == b"\x01"
        made = {style: NumberFormat(codes.get(style, ""), since_1904=since_1904) for style in set(styles)}
        self._formats = [made[style] for style in styles]

    def sheets(self) -> dict[str, SheetExtras]:
        return {name: self._sheet(place) for name, place in self._places.items()}

    def _sheet(self, place: int) -> SheetExtras:
        found = SheetExtras()
        notes: dict[int, tuple[int, int, str]] = {}  # by the number of the object that holds the text
        texts: dict[int, str] = {}
        current, awaited = 0, 0  # the object, and the characters that the next record has of its text
        titles: list[str] = []
        for kind, record, is_of_chart in _records(self._stream, place):
            if is_of_chart:
                if kind == _CHART_TEXT:
                    titles.append(_string(record[3:], record[2]))
            elif kind == _OBJECT:
                current = struct.unpack_from("<H", record, 6)[0]
            elif kind == _TEXT:
                awaited = struct.unpack_from("<H", record, 10)[0]
            elif kind == _CONTINUE and awaited:
                text = _string(record, awaited)
                texts[current] = texts.get(current, "") + text
                awaited -= min(awaited, len(text))
            elif kind == _NOTE:
                row, column, _, number, count = struct.unpack_from("<HHHHH", record)
                notes[number] = (row, column, _string(record[10:], count))
            else:
                self._read_numbers(kind, record, found.shown)
        for number, (row, column, author) in notes.items():
            text = " ".join(texts.pop(number, "").split())
            if text:
                by = f"{author}: " if author and not text.startswith(author) else ""
                found.comments[row, column] = f"[{by}{text}]"
        found.boxes = [text for text in (*titles, *texts.values()) if text.strip()]
        return found

    def _read_numbers(self, kind: int, record: bytes, shown: dict[tuple[int, int], str]) -> None:
        if kind in {_NUMBER, _FORMULA} and record[12:14] != _NO_NUMBER:
            row, column, style, value = struct.unpack_from("<HHHd", record)
            shown[row, column] = self._formats[style].number(value)
        elif kind == _RK:
            row, column, style, packed = struct.unpack_from("<HHHI", record)
            shown[row, column] = self._formats[style].number(_unpacked(packed))
        elif kind == _RKS:
            row, first = struct.unpack_from("<HH", record)
            for index in range((len(record) - 6) // 6):
                style, packed = struct.unpack_from("<HI", record, 4 + 6 * index)
                shown[row, first + index] = self._formats[style].number(_unpacked(packed))


def _unpacked(packed: int) -> float:
    """A number in 30 bits: the upper ones of a double, or an integer; times 100 where the lowest bit says so."""
    if packed & 2:
        value = float((packed >> 2) - (1 << 30 if packed >> 31 else 0))
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0])
    return value / 100 if packed & 1 else value
