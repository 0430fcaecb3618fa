"""Charts of OOXML documents: their titles, and their values as a table of categories and series."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ingest.loaders.office.number_formats import NumberFormat
from ingest.loaders.office.xml_elements import attribute, child, children, local_name
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import whole_number
from retrieval.errors import LoadError

MAX_POINTS = 1_000_000
"""Cells of the table that a chart's values make."""

_BEYOND = 10**9
"""Points whose index is too long to be read as a number get one from here on, so that they come last."""

_CATEGORIES = ("cat", "xVal")
_VALUES = ("val", "yVal")

_Points = dict[int, str]
"""Values or names as they are shown, by their index in the chart."""


class _Series(NamedTuple):
    name: str
    categories: _Points
    values: _Points


def write_chart(root: Any, builder: TextBuilder) -> None:
    """Write the titles of a chart and its axes, its typed labels, then a row for each category with its values.

    root  of a chart part, in the form of 2007 or, for waterfalls, treemaps and the like, that of 2016.

    Raises LoadError where the values make a table of more than MAX_POINTS cells.
    """
    builder.paragraph()
    for element in root.iter():
        if local_name(element) in {"title", "dLbl"}:
            builder.line()
            builder.write(_words(element))
    builder.paragraph()
    _write_table([*_series(root), *_series_of_2016(root)], builder)
    builder.paragraph()


def _words(element: Any | None) -> str:
    """The words in it: rich text, or the values of the cells that they are taken from."""
    pieces = []
    for part in () if element is None else element.iter():
        name = local_name(part)
        if name in {"t", "v"}:
            pieces.append(part.text or "")
        elif name in {"p", "pt", "br"}:
            pieces.append(" ")
    return " ".join("".join(pieces).split())


def _series(root: Any) -> Iterator[_Series]:
    for element in root.iter():
        if local_name(element) == "ser":
            categories, values = (
                next((_points(found) for name in names if (found := child(element, name)) is not None), {})
                for names in (_CATEGORIES, _VALUES)
            )
            yield _Series(_words(child(element, "tx")), categories, values)


def _series_of_2016(root: Any) -> Iterator[_Series]:
    data = {
        attribute(element, "id"): element for element in children(root, "chartData") if local_name(element) == "data"
    }
    for element in root.iter():
        if (
            local_name(element) == "series"
            and (found := data.get(attribute(child(element, "dataId"), "val"))) is not None
        ):
            names, numbers = (child(found, dimension) for dimension in ("strDim", "numDim"))
            yield _Series(
                _words(child(element, "tx")),
                {} if names is None else _points(names),
                {} if numbers is None else _points(numbers),
            )


def _points(data: Any) -> _Points:
    """The points; where they have several levels, which go from the innermost to the outermost, with those above."""
    points: _Points = {}
    levels = [element for element in data.iter() if any(local_name(part) == "pt" for part in element)]
    for level in levels:
        found = dict(_points_of_level(level))
        if not points:
            points = found
            continue
        above = ""
        for index in sorted(points):
            above = found.get(index, above)  # an outer name stands at the first point that it is for
            points[index] = f"{above} {points[index]}".strip()
    return points


def _points_of_level(level: Any) -> Iterator[tuple[int, str]]:
    code = next((part.text for part in level if local_name(part) == "formatCode"), None) or level.get("formatCode")
    is_number = local_name(level).startswith("num") or local_name(level.getparent()).startswith("num")
    number_format = NumberFormat(code or "")
    for place, point in enumerate(level):
        index = point.get("idx", "") if local_name(point) == "pt" else ""
        if index.isdecimal():
            number = whole_number(index)
            value = next((part.text for part in point if local_name(part) == "v"), point.text) or ""
            own = point.get("formatCode")
            yield (
                _BEYOND + place if number is None else number,
                _shown(value, NumberFormat(own) if own else number_format) if is_number else value,
            )


def _shown(value: str, number_format: NumberFormat) -> str:
    try:
        return number_format.number(float(value))
    except ValueError:
        return value


def _write_table(series: list[_Series], builder: TextBuilder) -> None:
    rows = sorted({index for one in series for index in one.values} | {i for one in series for i in one.categories})
    if len(rows) * (len(series) + 1) > MAX_POINTS:
        raise LoadError(f"a chart has more than {MAX_POINTS:,} values; delete some of its series")
    builder.begin_table()
    if any(one.name for one in series):
        _write_row(["", *(one.name for one in series)], builder)
    for index in rows:
        category = next((one.categories[index] for one in series if index in one.categories), "")
        _write_row([category, *(one.values.get(index, "") for one in series)], builder)
    builder.end_table(has_header=len(rows) > 1 and any(one.name for one in series))


def _write_row(cells: list[str], builder: TextBuilder) -> None:
    builder.line()
    for cell in cells:
        builder.begin_cell()
        builder.write(cell)
        builder.end_cell()
