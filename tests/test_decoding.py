"""Bytes -> text: damaged encodings, lines in another one, and NUL bytes in text and in binary files."""

import io
import pickle
import random
import struct
import zlib

import pytest

from ingest.loaders import UnsupportedFormatError, load, why_unsupported
from ingest.loaders.text.decoding import HEAD, decode_noting
from retrieval.errors import LoadError
from retrieval.types import Document

GERMAN = "Die Überprüfung der Wärmepumpe dauerte länger.\n"
RUSSIAN = "Съешь же ещё этих мягких французских булок.\n"
CHINESE = "这是一个用于检索文档的系统，支持中文文本。\n"
LOG = b"2024-03-05 pump controller heartbeat lost\n"


def text(data: bytes, source: str = "a.txt") -> Document:
    return load(data, source=source)


@pytest.mark.parametrize(
    ("data", "expected", "line"),
    [
        (GERMAN.encode() + b"it\x92s late\n" + b"Plain.\n" * 50, GERMAN + "it’s late\n" + "Plain.\n" * 50, "line 2"),
        ("Tür\n".encode() + b"caf\xe9 au lait\n", "Tür\ncafé au lait\n", "line 2"),
        (GERMAN.encode() + GERMAN.encode("cp1252") * 9, GERMAN * 10, "line 2"),
        (b"\xef\xbb\xbf" + GERMAN.encode() + b"Stra\xdfe\n", GERMAN + "Straße\n", "line 2"),
        ("Gr\xfc\xdfe".encode() + b" aus K\xf6ln", "Grüße aus Köln", "line 1"),
        (RUSSIAN.encode() * 3 + RUSSIAN.encode("cp1251"), RUSSIAN * 4, "line 4"),
        (RUSSIAN.encode("cp1251") * 3 + RUSSIAN.encode(), RUSSIAN * 4, "line 1"),
        (CHINESE.encode() * 3 + CHINESE.encode("gb18030"), CHINESE * 4, "line 4"),
        ("Die Größe".encode()[:-1] + b"\n", "Die Größ\n", None),
        ("Er läuft auf der Stra".encode() + b"\xc3", "Er läuft auf der Stra\ufffd", "line 1"),
        ("Die Größe ist gr".encode() + b"\xc3\nund", "Die Größe ist gr\ufffd\nund", "line 1"),
        ("Größe \u2014".encode()[:-1] + b"\nund", "Größe \ufffd\nund", "line 1"),
        (CHINESE.strip().encode()[:-1], CHINESE.strip()[:-1] + "\ufffd", "line 1"),
    ],
)
def test_what_is_utf8_stays_and_the_damaged_bytes_alone_are_guessed(
    data: bytes, expected: str, line: str | None
) -> None:
    document = text(data)
    assert document.text == expected
    assert [line in notice for notice in document.notices] == ([True] if line else [])


@pytest.mark.parametrize(
    "source",
    ["a.csv", "a.json", "a.md", "a.rst", "a.tex", "a.adoc", "a.log", "a.py", "a.org", "a.html", "a.vcf", "a.wikitext"],
)
def test_every_kind_of_text_says_what_was_damaged(source: str) -> None:
    assert len(text(GERMAN.encode() + b"it\x92s\n", source).notices) == 1
    assert not text(GERMAN.encode(), source).notices
    assert not text(GERMAN.encode("cp1252"), source).notices


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (GERMAN.encode() + b"a \xff stray\n", "became U+FFFD"),
        (GERMAN.encode() + b"M\xfchle \xff\n", "read as cp1252, in part as U+FFFD"),
        (b"plain words\nand odd \xff\xfe\x81 ones\n", "from line 2 on, was read as"),
        (b"caf\xe9\n", "on line 1, was read as cp1252"),
    ],
)
def test_a_byte_that_is_guessed_or_lost_is_told_as_what_became_of_it(data: bytes, told: str) -> None:
    (notice,) = text(data, "a.txt").notices
    assert told in notice


def test_a_row_that_a_program_for_dos_wrote_does_not_lose_the_table() -> None:
    rows = b"id;name\n1;M\x81ller\n2;K\x94nig\n" + b"3;Smith\n" * 99
    assert text(rows, "a.csv").text.startswith("id;name\n1;Müller\n2;König\n3;")
    odd = b"id;name\n1;\x8d\x8f\n" + b"3;Smith\n" * 99
    assert "Smith" in text(odd, "a.csv").text


def test_a_declared_encoding_does_not_misread_damaged_utf8() -> None:
    decoded = decode_noting(GERMAN.encode() + b"it\x92s\n", declared="iso-8859-1")
    assert decoded.text == GERMAN + "it’s\n"
    assert decode_noting(GERMAN.encode("latin-1"), declared="iso-8859-1") == (GERMAN, ())


def test_time_grows_with_the_damage_not_its_square() -> None:
    data = "Grüße ".encode() * 20_000 + b"Gr\xfc\xdfe " * 19_000
    assert decode_noting(data).text.count("Grüße") == 39_000


# NUL bytes


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\0" * 4096 + LOG * 3, LOG * 3),
        (b"\0" * (3 * HEAD) + LOG * 3, LOG * 3),
        (LOG * 30 + b"\0" * 4096 + LOG, LOG * 31),
        (LOG * 3 + b"\0" * 100, LOG * 3),
        (b"INSERT INTO people VALUES ('Smith\0\0\0\0\0John', 7);\n" * 30, None),
        (
            LOG * 3 + "a line of another program\r\n".encode("utf-16-le") * 9,
            LOG * 3 + b"a line of another program\n" * 9,
        ),
        (b"one line\0\nanother line\0\n", b"one line\nanother line\n"),
        (b'{"a":"words\0"}', b'{"a":"words"}'),
        (b"SMITH".ljust(12, b"\0") + b"YORK".ljust(12, b"\0") + b"\n", b"SMITH YORK\n"),
        ("Die Überprüfung\n".encode() + b"\0" * 50 + "läuft\n".encode(), "Die Überprüfung\nläuft\n".encode()),
    ],
)
def test_text_with_some_nul_bytes_is_text(data: bytes, expected: bytes | None) -> None:
    assert why_unsupported(data[:HEAD], source="app.log") is None
    found = text(data, "app.log").text
    assert "\0" not in found
    if expected is None:
        assert "'Smith John'" in found
    else:
        assert found == expected.decode()


@pytest.mark.parametrize("tail", [b"ok\r\n", b"2024-03-05 the job has come to its end without an error\r\n" * 3])
def test_ascii_that_a_program_appends_to_utf_16_is_read(tail: bytes) -> None:
    begun, more = "Größe der Öfen\r\n", "weiter in 上海\r\n"
    data = begun.encode("utf-16-le") + tail
    whole = (begun + tail.decode()).replace("\r\n", "\n")
    assert text(b"\xff\xfe" + data, "a.log").text == whole
    if len(tail) > 32:
        data += more.encode("utf-16-le")
        assert text(b"\xff\xfe" + data, "a.log").text == whole + "weiter in 上海\n"


def binaries() -> dict[str, bytes]:
    noise = random.Random(1)
    samples = [int(2000 * noise.gauss(0, 1)) for _ in range(8000)]
    python = compile("def f(x):\n    'A text of some length that says what it does.'\n    return x", "f.py", "exec")
    pickled = io.BytesIO()
    pickle.dump([{"name": f"name {n}", "size": n} for n in range(500)], pickled)
    header = b'{"weights":{"dtype":"F32","shape":[64,64],"data_offsets":[0,16384]}}'
    return {
        "a program": b"\x7fELF\x02\x01\x01" + b"\0" * 9 + LOG,
        "a database": b"SQLite format 3\0" + LOG,
        "an icon": b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0" + b"\0\0\xff\xff" * 500,
        "a bitmap": b"BM" + struct.pack("<IHHIIii", 12_342, 0, 0, 54, 40, 64, 64) + bytes(range(256)) * 40,
        "sound": struct.pack("<8000h", *samples),
        "sound after silence": b"\0" * (2 * HEAD) + struct.pack("<8000h", *samples),
        "sound in a file": b"RIFF\x24\x3e\0\0WAVEfmt \x10\0\0\0" + b"\x01\0\x01\0" + struct.pack("<8000h", *samples),
        "wasm": b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0"
        + b"\x07\x0a\x01\x06memory\x02\0" * 9,
        "byte code": b"\xa7\r\r\n\0\0\0\0" + struct.pack("<II", 1_700_000_000, 90) + python.co_code * 20 + b"\0(\x01)",
        "a pickle": pickled.getvalue(),
        "floats behind a header": struct.pack("<Q", len(header)) + header + struct.pack("<4096f", *samples[:4096]),
        "a library": b"!<arch>\ncore.o/         0           0     0     644     64        `\n"
        + b"\x7fELF\x02\0\x01" * 99,
        "nothing but zeros": b"\0" * 20_000,
        "compressed": b"\0\0\0\x20" + zlib.compress(noise.randbytes(9000)),
    }


@pytest.mark.parametrize(("name", "data"), binaries().items())
@pytest.mark.parametrize("source", ["a.log", "a.dat"])
def test_binary_files_are_refused(name: str, data: bytes, source: str) -> None:
    with pytest.raises(LoadError) as caught:
        load(data, source=source)
    assert isinstance(caught.value, UnsupportedFormatError), name


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\x1b[32mok\x1b[0m, \x1b[1;31mlost\x1b(B\x1b[m", "ok, lost"),
        ("\x1b[38;5;10mserver\x1b[K up", "server up"),
        ("\x1b]0;host: ~\x1b\\$ make\x1b]8;;\x1b\\", "$ make"),
        ("N\bNA\bAM\bME\bE _\bf_\bi_\bl_\be", "NAME file"),
        ("Ü\bÜB\bBE\bER\bR", "ÜBER"),
    ],
)
def test_words_are_free_of_what_a_terminal_obeys(written: str, read: str) -> None:
    data = (written + "\n").encode()
    assert why_unsupported(data, source="a.log") is None
    assert text(data, "a.log").text == read + "\n"


def test_colours_in_a_log_of_json_lines_are_left_out() -> None:
    line = rb'{"log":"\u001b[32mok\u001b[0m caf\u00e9"}'
    assert text(line, "a.log").text == '{"log":"ok café"}'


def test_japanese_in_seven_bits_is_no_ascii() -> None:
    japanese = "これは日本語の文章です。\n"
    assert text(japanese.encode("iso2022_jp")).text == japanese
    assert text(b"\x1b$ no such code\n").text.endswith(" no such code\n")


@pytest.mark.parametrize(
    ("encodings", "sentence"),
    [
        ("cp1254 cp857", "Yağmur suyu şebekesi yenilenecek; çalışmalar üç yıl sürecek."),
        ("cp1250 iso8859_2 cp852", "Starosta řekl, že práce začnou příští měsíc a potrvají tři roky."),
        ("cp1250 iso8859_2 cp852", "Burmistrz powiedział, że źródła są ograniczone."),
        ("cp1250 iso8859_2 cp852", "A költségvetést tegnap elfogadták, őszintén örülünk a sűrű esőnek."),
        ("cp1250 iso8859_2", "Lucrările la noua reţea vor dura trei ani şi vor începe în oraş."),
        ("cp1257", "Šaltiniai riboti, žmonės džiaugiasi kitą mėnesį."),
        ("cp1252 cp850 mac_roman", "Die Größe der Straßen überrascht die Bürger."),
        ("cp1252 cp850 mac_roman", "Les élèves iront à l'école près de chez eux, où c'est prêt."),
        ("cp1252 cp850 mac_roman", "El próximo año las obras durarán más; después empezarán otras."),
        ("cp1252 cp865 mac_roman", "Børnene kører gratis på skole, når året er omme; mødet er på fredag."),
        ("cp1251 koi8_r cp866", "Городской совет вчера вечером утвердил бюджет на следующий год."),
    ],
)
def test_the_letters_of_a_language_tell_the_encoding(encodings: str, sentence: str) -> None:
    for encoding in encodings.split():
        for times in (1, 30):
            assert text((sentence + "\n").encode(encoding) * times).text == (sentence + "\n") * times, encoding
