"""Numbers of thousands of digits, of which Python reads no more than 4,300, cost nothing else in a file."""

import pytest
from lxml import etree

from ingest.loaders import load
from ingest.loaders.office.charts import write_chart
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import int_or_digits, unescape_html, whole_number

HUGE = "7" * 5000


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("042", 42), ("9" * 9, 999_999_999), ("1" * 10, None), (HUGE, None), ("-1", None), ("²", None),
     ("", None), (None, None)],
)  # fmt: skip
def test_what_a_file_counts_is_a_short_decimal_number(text: str | None, number: int | None) -> None:
    assert whole_number(text) == number


def test_a_value_is_a_number_unless_it_is_too_long() -> None:
    assert [int_or_digits(digits) for digits in ("-12", "7" * 300, HUGE)] == [-12, int("7" * 300), HUGE]


def test_a_reference_to_no_character_stays_as_it_is_written() -> None:
    assert unescape_html(f"&#65; &amp; &#{HUGE};") == f"A & &#{HUGE};"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a.ipynb", f'{{"cells": [{{"cell_type": "raw", "source": "rye", "n": {HUGE}}}], "nbformat": {HUGE}}}'),
        ("a.ics", f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:rye\nDTSTART:20240105\nDURATION:P{HUGE}D\nEND:VEVENT"),
        ("a.eml", f"From: a@b.c\nSubject: s\nContent-Type: multipart/mixed; boundary*{HUGE}=x\n\n--x\n\nrye\n--x--"),
        ("a.eml", f"From: a@b.c\nSubject: s\nContent-Type: text/plain; name*{HUGE}*=x; charset*{HUGE}=y\n\nrye"),
        ("a.mht", f"From: me\nContent-Type: multipart/related; boundary=x; start*{HUGE}=y\n\n--x\n"
                  "Content-Type: text/html\n\n<p>rye\n--x--"),
        ("a.mediawiki", f"&#{HUGE}; rye"),
        ("a.adoc", f"=== rye &#{HUGE};"),
        ("a.md", f"---\na: {HUGE}\n---\nrye"),
        ("a.md", f"+++\na = {HUGE}\n+++\nrye"),
        ("a.html", f"<ol start={HUGE}><li value={HUGE}>rye &#{HUGE};</ol>"),
    ],
)  # fmt: skip
def test_a_huge_number_costs_nothing_else(source: str, text: str) -> None:
    assert "rye" in load(text.encode(), source=source).text


def test_points_of_a_chart_with_huge_indices_come_last() -> None:
    points = "".join(f'<pt idx="{index}"><v>{value}</v></pt>' for index, value in ((HUGE, 1), (0, 2), (HUGE, 3)))
    builder = TextBuilder()
    write_chart(etree.fromstring(f"<chart><ser><val><numCache>{points}</numCache></val></ser></chart>"), builder)
    assert [line.strip(" |") for line in builder.text().split("\n")] == ["2", "1", "3"]
