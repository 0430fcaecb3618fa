"""Numbers as a spreadsheet shows them, by format code."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.loaders.office.number_formats import NumberFormat

NOON = 45356.5  # of 5 March 2024
ACCOUNTING = '_-* #,##0.00 €_-;-* #,##0.00 €_-;_-* "-"?? €_-;_-@_-'


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("00000", 42, "00042"),
        ("0%", 0.25, "25%"),
        ("0.0%", -0.1234, "-12.3%"),
        ("#,##0.00", 1234567.891, "1,234,567.89"),
        ('#,##0.00 "kg"', 0.5, "0.50 kg"),
        ("#,##0\\ [$€-407];[Red]-#,##0\\ [$€-407]", -1234, "-1,234 €"),
        (ACCOUNTING, 3.5, "3.50 €"),
        (ACCOUNTING, 0, "- €"),
        ("(0.0);[Blue](0.0)", -2, "(2.0)"),
        ("000\\-00\\-0000", 12345678, "012-34-5678"),
        ('0.0,,"M"', 12_345_678, "12.3M"),
        ("0.00E+00", 12345, "1.23E+04"),
        ("##0.0E+0", 12345, "12.3E+3"),
        ("# ?/?", 1.75, "1 3/4"),
        ("# ??/16", 2.5, "2 8/16"),
        ("#.##", 0.5, ".5"),
        ("0.###", 2, "2"),
        ("0", 2.5, "3"),
        ("0", -0.2, "0"),
        ('[<1]0.00;[>=100]0;0.0', 0.123, "0.12"),
        ('[<1]0.00;[>=100]0;0.0', 250.4, "250"),
        ('[<1]0.00;[>=100]0;0.0', 42.42, "42.4"),
        ('"yes";"no"', -1, "no"),
        ("General", 0.1 + 0.2, "0.3"),
        ("[Red]General", -3, "-3"),
        (";;;", 5, "5"),
        ("@", 7, "7"),
        ("", 7, "7"),
        ("0" * 300, 7, "7"),
        ("0.00", 1e300, "1e+300"),
    ],
)  # fmt: skip
def test_numbers(code: str, value: float, shown: str) -> None:
    assert NumberFormat(code).number(value) == shown


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("[h]:mm", 26 / 24 + 5 / 1440, "26:05"),
        ("[h]:mm:ss", 1.5, "36:00:00"),
        ("[mm]:ss", 0.1, "144:00"),
        ("[h]:mm", -0.5, "-12:00"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("hh:mm", 0.0, "00:00"),
        ("mm:ss.0", 64.26 / 86400, "01:04.3"),
        ("hh:mm:ss", 0.9999999, "00:00:00"),
        ("dd.mm.yyyy", NOON, "05.03.2024"),
        ("[$-409]d\\-mmm\\-yyyy;@", NOON, "5-Mar-2024"),
        ("dddd, d mmmm yyyy", NOON, "Tuesday, 5 March 2024"),
        ("[$-407]dddd, d. mmmm yyyy;@", NOON, "Dienstag, 5. März 2024"),
        ("[$-fr-CH,1]d mmm yyyy", NOON, "5 mar 2024"),
        ("[$-F800]d mmmm yyyy", NOON, "5 March 2024"),
        ("[$€-407] 0", 5, "€ 5"),
        ("yyyy-mm-dd hh:mm", NOON, "2024-03-05 12:00"),
        ('yyyy"-W"', NOON, "2024-W"),
        ("m/d/yy", NOON, "2024-03-05 12:00:00"),
        ("mmm-yy", int(NOON), "2024-03-05"),
        ("dd.mm.yyyy", 1, "01.01.1900"),
        ("dd.mm.yyyy", -1, "-1"),
        ("dd.mm.yyyy", 1e9, "1000000000"),
    ],
)
def test_dates_and_times(code: str, value: float, shown: str) -> None:
    assert NumberFormat(code).number(value) == shown


def test_days_may_be_counted_from_1904() -> None:
    assert NumberFormat("yyyy-mm-dd", since_1904=True).number(43894) == "2024-03-05"


def test_text_has_a_format_too() -> None:
    assert NumberFormat('0;0;0;"No. "@').text("7a") == "No. 7a"
    assert NumberFormat("0.00").text("7a") == "7a"


@example(code="0/", value=0.5)
@given(
    code=st.text('0#?.,%/@;:-"\\_*[]<>=$ hmsydAPE+eg€x', max_size=20),
    value=st.floats() | st.integers(-10, 100_000),
)
def test_any_code_shows_something_of_any_number(code: str, value: float) -> None:
    number_format = NumberFormat(code)
    assert number_format.number(value).strip()
    assert number_format.text("words")
