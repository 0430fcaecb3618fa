"""Numbers as a spreadsheet shows them: `00042` for 42 under the format `00000`, `25%`, `26:05`."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from ingest.loaders.office.date_formats import show_date
from ingest.loaders.office.format_codes import COMMA, PERCENT, POINT, SLASH, TEXT, Section, Token, sections

LONGEST_CODE = 255
"""Characters of a format code that Excel accepts."""

BUILT_IN: Mapping[int, str] = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "#,##0", 6: "#,##0", 7: "#,##0.00", 8: "#,##0.00", 9: "0%",
    10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "m/d/yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0", 38: "#,##0",
    39: "#,##0.00", 40: "#,##0.00", 41: "#,##0", 42: "#,##0", 43: "#,##0.00", 44: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", **dict.fromkeys((*range(27, 37), *range(50, 59)), "m/d/yy"),
}  # fmt: skip
"""The codes that files name by number alone; those of money are without the currency, which depends on the country."""

_CONDITIONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "=": lambda value, limit: value == limit,
    "<>": lambda value, limit: value != limit,
}
_MOST = 1e30  # beyond it, the general form is shorter
_EXACT = Context(prec=1000, rounding=ROUND_HALF_UP)  # more digits than a number below it and a code can ask for


def general(value: float) -> str:
    """A number without a format: whole ones without a fraction, others with the 15 digits that Excel keeps."""
    return f"{value:.15g}" if abs(value) < 1e15 or abs(value) > _MOST else f"{value:.0f}"


class NumberFormat:
    """What one format code makes of values. A code too long to be one shows them in the general form.

    since_1904  whether days are counted from 1 January 1904 instead of 1900.
    """

    def __init__(self, code: str, *, since_1904: bool = False) -> None:
        is_general = len(code) > LONGEST_CODE or code.strip().lower() in {"", "general"}
        parts = [] if is_general else sections(code)
        self._since_1904 = since_1904
        self._numbers = [section for section in parts if TEXT not in section.tokens]
        self._has_conditions = any(section.condition for section in self._numbers)
        self._text = next((section for section in parts if TEXT in section.tokens), None)

    def number(self, value: float) -> str:
        """`value` as it is shown; where the format shows nothing, in the general form."""
        if not self._numbers or not abs(value) < _MOST:  # nor is what is no number
            return general(value)
        return self._show(value).strip() or general(value)

    def text(self, value: str) -> str:
        tokens = () if self._text is None else self._text.tokens
        return "".join(value if token == TEXT else token.text for token in tokens) or value

    def _show(self, value: float) -> str:
        section, has_own_sign = self._section(value)
        if section is None:
            return ""
        if section.kinds & {"date", "elapsed"}:
            return show_date(section.tokens, value, since_1904=self._since_1904, language=section.language)
        shown = _show_number(section, abs(value))
        has_sign = (
            value < 0
            and not has_own_sign
            and ("general" in section.kinds or any(sign in shown for sign in "123456789"))
        )
        return "-" + shown if has_sign else shown

    def _section(self, value: float) -> tuple[Section | None, bool]:
        """What shows the value, and whether it says of itself that this is negative."""
        found = self._numbers
        if self._has_conditions:
            section = next((section for section in found if _accepts(section, value)), None)
            limits = section.condition if section is not None else None
            return section, limits is not None and limits[0] in {"<", "<="} and limits[1] <= 0
        if value < 0 and len(found) > 1:
            return found[1], True
        if value == 0 and len(found) > 2:
            return found[2], False
        return (found[0] if found else None), False


def _accepts(section: Section, value: float) -> bool:
    return section.condition is None or _CONDITIONS[section.condition[0]](value, section.condition[1])


def _show_number(section: Section, value: float) -> str:
    """The absolute value in the section's placeholders."""
    tokens = section.tokens
    if "general" in section.kinds:
        return "".join(general(value) if token.kind == "general" else token.text for token in tokens)
    if "digit" not in section.kinds:
        return "".join(token.text for token in tokens)
    if "exponent" in section.kinds:
        return _scientific(tokens, value)
    return _fraction(tokens, value) if SLASH in tokens else _decimal(tokens, Decimal(f"{value:.15g}"))


def _decimal(tokens: Sequence[Token], value: Decimal) -> str:
    point = tokens.index(POINT) if POINT in tokens else len(tokens)
    whole, fraction = tokens[:point], tokens[point + 1 :]
    thousands = _trailing_commas(tokens)
    places = sum(token.kind == "digit" for token in fraction)
    amount = value.scaleb(2 * tokens.count(PERCENT) - 3 * thousands)
    digits = f"{amount.quantize(Decimal(1).scaleb(-places), context=_EXACT):f}"
    before, _, after = digits.partition(".")
    shown = _whole(whole, before.lstrip("0"), has_thousands=COMMA in whole[: _last_digit(whole)])
    return shown + _after_point(fraction, after)


def _last_digit(tokens: Sequence[Token]) -> int:
    """The index of the last placeholder; 0 where there is none."""
    return max((index for index, token in enumerate(tokens) if token.kind == "digit"), default=0)


def _trailing_commas(tokens: Sequence[Token]) -> int:
    """How many commas follow the last placeholder: each divides the number by a thousand."""
    count = 0
    for token in tokens[_last_digit(tokens) + 1 :]:
        if token != COMMA:
            break
        count += 1
    return count


def _whole(tokens: Sequence[Token], digits: str, *, has_thousands: bool) -> str:
    """The digits in the placeholders, from the right; the first placeholder takes all that are left."""
    left = sum(token.kind == "digit" for token in tokens)
    written: list[str] = []
    count = 0
    for token in reversed(tokens):
        if token.kind != "digit":
            written.append("" if token == COMMA else token.text)
            continue
        left -= 1
        taken, digits = (digits[-1:], digits[:-1]) if left else (digits, "")
        for digit in reversed(taken or ("0" if token.text == "0" else "")):
            written.append(digit + ("," if has_thousands and count and count % 3 == 0 else ""))
            count += 1
    return "".join(reversed(written))


def _after_point(tokens: Sequence[Token], digits: str) -> str:
    """What stands behind the decimal point, with it where a digit follows: optional placeholders show no last zeros."""
    wanted = [token.text for token in tokens if token.kind == "digit"]
    while digits and digits[-1] == "0" and wanted[len(digits) - 1] != "0":
        digits = digits[:-1]
    rest = iter(digits)
    shown = "".join(
        next(rest, "") if token.kind == "digit" else "" if token == COMMA else token.text for token in tokens
    )
    return "." + shown if digits else shown


def _scientific(tokens: Sequence[Token], value: float) -> str:
    place = next(index for index, token in enumerate(tokens) if token.kind == "exponent")
    mantissa = tokens[:place]
    point = mantissa.index(POINT) if POINT in mantissa else len(mantissa)
    step = max(1, sum(token.kind == "digit" for token in mantissa[:point]))
    number = Decimal(f"{value:.15g}")
    power = number.adjusted() // step * step if number else 0
    digits = sum(token.kind == "digit" for token in tokens[place:])
    sign = "-" if power < 0 else "+" if tokens[place].text == "e+" else ""
    return f"{_decimal(mantissa, number.scaleb(-power))}E{sign}{abs(power):0{max(1, digits)}}"


def _fraction(tokens: Sequence[Token], value: float) -> str:
    """`1 3/4`: a whole part only where there is a placeholder for it, and the nearest fraction of so many digits."""
    place = tokens.index(SLASH)
    below = [token for token in tokens[place + 1 :] if token.kind == "digit" or token.text.isdecimal()]
    above = "".join("d" if token.kind == "digit" else " " for token in tokens[:place]).split()
    fixed = "".join(token.text for token in below)
    denominator = int(fixed) if fixed.isdecimal() and int(fixed) else 0
    exact = Fraction(f"{value:.15g}")
    near = (
        Fraction(round(exact * denominator), denominator)
        if denominator
        else exact.limit_denominator(max(1, 10 ** len(below) - 1))
    )
    whole = int(near) if len(above) > 1 else 0
    rest = near - whole
    parts = rest.numerator * ((denominator or rest.denominator) // rest.denominator)
    shown = f"{parts}/{denominator or rest.denominator}"
    if len(above) > 1 and not rest:
        return str(whole)
    return f"{whole} {shown}" if whole else shown
