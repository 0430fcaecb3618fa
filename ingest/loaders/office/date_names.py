"""The names of months and days in the languages that formats of dates ask for."""

from collections.abc import Mapping
from typing import NamedTuple


class DateNames(NamedTuple):
    """Months from January on, and days from Monday on."""

    months: tuple[str, ...]
    days: tuple[str, ...]


def _names(months: str, days: str) -> DateNames:
    return DateNames(tuple(months.split()), tuple(days.split()))


ENGLISH = _names(
    "January February March April May June July August September October November December",
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
)
_NAMES: Mapping[str, DateNames] = {
    "de": _names(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    ),
    "es": _names(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "lunes martes miércoles jueves viernes sábado domingo",
    ),
    "fr": _names(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    ),
    "it": _names(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    ),
    "nl": _names(
        "januari februari maart april mei juni juli augustus september oktober november december",
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    ),
    "pt": _names(
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
    ),
}
_BY_NUMBER: Mapping[int, str] = {0x07: "de", 0x0A: "es", 0x0C: "fr", 0x10: "it", 0x13: "nl", 0x16: "pt"}
_PRIMARY = 0x3FF  # the bits of a language's number that say nothing of the country: [MS-LCID] 2.1


def names_of(language: str) -> DateNames:
    """`language` as format codes have it, a hexadecimal number or a tag: "407", "de-AT"; English for any other."""
    name = language.partition("-")[0].lower()
    if name not in _NAMES:
        try:
            name = _BY_NUMBER.get(int(name, 16) & _PRIMARY, "")
        except ValueError:
            return ENGLISH
    return _NAMES.get(name, ENGLISH)
