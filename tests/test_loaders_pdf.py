"""What a PDF holds beside its text, and what its pages print that is none."""

import pytest

from ingest.loaders.office.ocr import NoTextError
from ingest.loaders.office.pdf import load_pdf
from ingest.loaders.office.pdf_running_lines import without_running_lines
from ingest.loaders.office.pdf_short import without_page_numbers
from retrieval.types import Document
from tests.loaders_samples import pdf

BODY = [
    ["The harbour is dredged every spring,", "when the ice has left the outer basin."],
    ["Pilots board two miles off the mole,", "unless a gale keeps them in port."],
    ["Fees depend on the length of the hull,", "and are paid before the lines are cast off."],
    ["The lock opens at high water only,", "for vessels of less than nine metres."],
    ["Bunkers are delivered by barge,", "if ordered before noon of the day before."],
]


def read(pages: list[list[str]], **options: object) -> Document:
    return load_pdf(pdf(pages, **options), source="a.pdf")  # type: ignore[arg-type]


def widget(kind: str, value: str, name: str = "Text1", *, at: str = "200 715 400 735", more: str = "") -> str:
    return f"/Subtype /Widget /FT /{kind} /T ({name}) {value} /Rect [{at}] /F 4 {more}"


# Forms and notes


def test_values_of_a_form_stand_with_their_printed_labels() -> None:
    fields = [
        widget("Tx", "/V (Morning Petrel)", "a"),
        widget("Tx", "/V (Valletta)", "b", at="200 701 400 721"),
        widget("Tx", "/V (One line\\nand another)", "c", at="200 640 400 707"),
    ]
    page = ["Name of the vessel:", "Home port:", "Remarks"]
    assert read([page], annotations={0: fields}).text.split("\n\n")[1:] == [
        "Name of the vessel: Morning Petrel",
        "Home port: Valletta",
        "Remarks: One line\nand another",
    ]


TICKABLE = "/AP << /N << /Yes 3 0 R /Off 3 0 R >> >>"
OPTIONS = "/Ff 131072 /Opt [[(fr) (France)] [(de) (Germany)]]"
AWAY = "500 10 600 30"  # from what is printed


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (widget("Tx", "/V (Ada)", "form[0].page[2].Surname[0]", at=AWAY), "Surname: Ada"),
        (widget("Tx", "/V (Ada)", "x", more="/TU (Your name)"), "Your name: Ada"),
        (widget("Tx", "/V (Ada)", "Text12", at=AWAY), "Ada"),
        (widget("Tx", "/V <FEFF014100F30064017A>", "Town", at=AWAY), "Town: Łódź"),
        (widget("Btn", f"/V /Yes /AS /Yes {TICKABLE}", "Insured", at=AWAY), "Insured: Yes"),
        (widget("Ch", f"/V (de) {OPTIONS}", "Flag", at=AWAY), "Flag: Germany"),
        (widget("Ch", "/V (Malta) /Ff 393216 /Opt [(France)]", "Flag", at=AWAY), "Flag: Malta"),
    ],
)
def test_each_kind_of_field_has_a_line(field: str, line: str) -> None:
    assert read([["A form"]], annotations={0: [field]}).text == f"A form\n\n{line}"


@pytest.mark.parametrize(
    "field",
    [
        widget("Tx", ""),
        widget("Tx", "/V (secret) /Ff 8192", "Password"),
        widget("Tx", "/V (secret)").replace("/F 4", "/F 2"),
        widget("Btn", "/V /Off /AS /Off", more=TICKABLE),
        "/Subtype /Link /Contents (secret) /Rect [0 0 9 9]",
        "/Subtype /Highlight /Contents (A  form) /Rect [0 0 9 9] /QuadPoints [0 0 9 0 0 9 9 9]",
    ],
)
def test_what_nobody_filled_in_or_sees_stays_out(field: str) -> None:
    assert read([["A form"]], annotations={0: [field]}).text == "A form"


def test_notes_are_read_and_a_page_of_nothing_else_counts() -> None:
    note = "/Subtype /{} /Contents ({}) /Rect [10 10 90 90]"
    document = read(
        [["A plan"], []],
        annotations={
            0: [note.format("FreeText", "Move the crane."), note.format("Text", "By whom?")],
            1: [note.format("Stamp", "Approved")],
        },
    )
    assert document.text == "A plan\n\nMove the crane.\n\nBy whom?\n\nApproved"
    assert document.notices == ()


def test_values_of_a_form_that_its_pages_do_not_show_are_read() -> None:
    data = "<x:datasets xmlns:x='x'><x:data><form><vessel>Morning Petrel</vessel><crew/></form></x:data></x:datasets>"
    assert read([["Please wait..."]], xfa=data).text == "Please wait...\n\nvessel: Morning Petrel"
    assert read([["Please wait..."]], xfa="<form><vessel>Morn").text == "Please wait..."


# Running lines


def test_running_headers_footers_and_page_numbers_are_left_out() -> None:
    pages = [["Harbour Rules 2024", *lines, f"Page {n} of 5"] for n, lines in enumerate(BODY, 1)]
    document = read(pages)
    assert document.text == "\n\n".join("\n".join(lines) for lines in BODY)
    assert document.title == "Harbour Rules 2024", "what runs through all pages is not lost"
    assert [document.text[start:].split()[0] for start in document.pages] == [lines[0].split()[0] for lines in BODY]


def test_left_and_right_pages_may_differ_and_a_title_page_has_neither() -> None:
    body = [[f"{line} ({part})" for line in lines] for part in ("east", "west") for lines in BODY]
    pages = [
        [f"{n} Harbour Rules", *lines] if n % 2 == 0 else [f"The outer basin {n}", *lines]
        for n, lines in enumerate(body, 2)
    ]
    document = read([["Rules of the harbour"], *pages])
    assert "Harbour Rules" not in document.text
    assert "outer basin 5" not in document.text
    assert document.page_labels[:3] == ("", "2", "3")


def test_the_line_that_runs_through_one_chapter_stays_where_it_begins() -> None:
    headers = ["Pilotage"] * 4 + ["Dues"] + ["Bunkers"] * 10
    pages = [[header, *lines, str(n)] for n, (header, lines) in enumerate(zip(headers, BODY * 3, strict=True), 9)]
    text = read(pages).text
    assert [text.count(f"{header}\n") for header in ("Pilotage", "Dues", "Bunkers")] == [1, 1, 0]
    assert text.startswith("Pilotage\nThe harbour")


def test_roman_numbers_and_chapters_that_end_in_the_number_are_running_lines_too() -> None:
    front = [["Of the editors", lines[0], roman] for roman, lines in zip(("i", "ii", "iii"), BODY, strict=False)]
    main = [[*lines, f"Chapter 1. Pilotage {n}" if n % 2 else f"{n}"] for n, lines in enumerate(BODY, 1)]
    main[0].insert(0, "PILOTAGE")
    document = read([*front, *main])
    assert "Chapter 1" not in document.text
    assert document.page_labels == ("i", "ii", "iii", "1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    "pages",
    [
        [["Harbour Rules", *lines] for lines in BODY[:3]],
        [["Certificate of attendance", name, "has been here."] for name in "AB"],
        [[*lines, str(hulls)] for hulls, lines in zip((7, 8), BODY, strict=False)],
        [[*lines, f"{n} of 7"] for n, lines in enumerate(BODY[:2], 1)],
        [BODY[0], [*BODY[1], "2"]],
        [["1"], ["2"]],
        [[*BODY[0], "1"]],
        [["Certificate of attendance", "This is to certify that", name, "has been here.", "May"] for name in "ABCDEF"],
        [[*lines, f"In total {n * n} hulls"] for n, lines in enumerate(BODY, 1)],
        [[f"{n}. {line}" for line in lines] for n, lines in enumerate(BODY, 1)],
        [[f"Chapter {n}", *lines] for n, lines in enumerate(BODY, 1)],
        [[*lines, f"Harbour order {n}"] for n, lines in enumerate(BODY, 2041)],
        [[*lines, f"{n} {n % 7} {n % 5}"] for n, lines in enumerate(BODY, 2019)],
        [[f"To {name}", "Invoice", "1 gasket", f"In total {len(name)}"] for name in ("Ada", "Bo", "Cyrus", "Dora")],
    ],
    ids=[
        "short",
        "two letters",
        "no pages",
        "of others",
        "only one",
        "nothing else",
        "one page",
        "mail merge",
        "other numbers",
        "numbered",
        "chapters",
        "tickets",
        "years",
        "letters",
    ],
)
def test_what_belongs_to_the_text_stays(pages: list[list[str]]) -> None:
    assert read(pages).text == "\n\n".join("\n".join(lines) for lines in pages)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "printed", ["{n}", "- {n} -", "Page {n}", "Page {n} of {count}", "{n}/{count}", "Seite {n} von {count}", "| {n} |"]
)
@pytest.mark.parametrize("at", [0, 3])
def test_numbers_of_few_pages_are_left_out(count: int, printed: str, at: int) -> None:
    pages = [["Harbour Rules", *lines] for lines in BODY[:count]]
    for number, lines in enumerate(pages, 1):
        lines.insert(at, printed.format(n=number, count=count))
    document = read(pages)
    assert document.text == "Harbour Rules\n" + "\n\n".join("\n".join(lines) for lines in BODY[:count])
    assert document.page_labels == ("1", "2", "3")[:count]


@pytest.mark.parametrize("printed", ["第 {n} 页 共 2 页", "第{n}頁,共2頁", "第{n}页/共2页", "{n}ページ", "P{n}"])
def test_a_page_number_may_touch_its_word(printed: str) -> None:
    pages = [f"{line}\n{printed.format(n=number)}" for number, line in enumerate("ab", 1)]
    assert without_page_numbers(pages, {}, ["", ""]).pages == ["a", "b"]


def test_a_few_pages_may_begin_without_number_and_be_numbered_as_the_file_declares() -> None:
    pages = [BODY[0], [*BODY[1], "2"], [*BODY[2], "3"]]
    assert read(pages).text == "\n\n".join(map("\n".join, BODY[:3]))
    assert read([[*BODY[0], "iv"], [*BODY[1], "v"]], labels="0 << /S /r /St 4 >>").text == "\n\n".join(
        map("\n".join, BODY[:2])
    )
    assert read([[*BODY[0], "Page 1 of 1"]]).text == "\n".join(BODY[0])


def test_short_pages_between_long_running_lines_are_text() -> None:
    body = [line for line, _ in BODY]
    pages = [["ACME Ltd", f"QP-7 Rev 3  Page {n}/5", line, "Not to be copied"] for n, line in enumerate(body, 1)]
    assert read(pages).text == "\n\n".join(body)


def test_without_page_numbers_a_running_line_stays_once() -> None:
    body = "\n\n".join(map("\n".join, BODY))
    assert read([["Harbour Rules", *lines] for lines in BODY]).text == f"Harbour Rules\n{body}"


def test_a_line_as_long_as_a_text_is_none_and_costs_no_more() -> None:
    pages = ["1 " * 50_000 + "x"] * 5
    assert without_running_lines(pages, kept={}).pages == pages


def test_a_heading_that_runs_on_as_header_stays_on_its_own_page() -> None:
    pages = [["Pilotage", *lines] for lines in BODY]
    document = read(pages, outline=[("Pilotage", 0)])
    assert document.text.count("Pilotage") == 1
    assert [heading.text for heading in document.headings] == ["Pilotage"]


# Contents


CONTENTS = ["Contents", "1 Dredging ........ 2", "2 Pilotage . . . . . . 3", "3 Dues\u2026\u2026 17"]


def test_contents_lines_are_left_out_where_their_words_stand_in_the_text() -> None:
    pages = [CONTENTS[:3], ["1 Dredging", *BODY[0]], ["2", "Pilotage", *BODY[1]]]
    assert read(pages).text.startswith("Contents\n\n1 Dredging\nThe harbour")


@pytest.mark.parametrize(
    ("entries", "headings"),
    [
        (["Chapter 1 ........ 3", "Chapter 2 ........ 9"], ["Chapter 1: Dredging", "Chapter 2: Pilotage"]),
        (
            ["Kapitel 1 Baggern ........ 3", "Kapitel 2 Lotsen ........ 9"],
            ["Kapitel 1. Baggern im", "Kapitel 2. Lotsen an"],
        ),
        (["Pilotage ........ 17"], ["Dredging", "Pilotage"]),
    ],
)
def test_contents_lines_go_however_the_headings_are_set(entries: list[str], headings: list[str]) -> None:
    pages = [["Contents", *entries], *([heading, *lines] for heading, lines in zip(headings, BODY, strict=False))]
    assert read(pages).text == "\n\n".join(["Contents", *("\n".join(page) for page in pages[1:])])


@pytest.mark.parametrize(
    "lines",
    [
        ["Espresso ........ 3", "Cappuccino ........ 2"],
        ["Dredging ........ 3", "Unheard of ........ 4", "Nor of this ........ 5"],
        ["Dredging ........ 2.50", "Pilotage ........ 3.50"],
        ["hull ........ 2", "lock ........ 3"],
    ],
    ids=["falling", "not in the text", "prices", "no headings"],
)
def test_other_lines_with_leaders_stay(lines: list[str]) -> None:
    assert read([lines, ["Dredging", *BODY[0]], ["Pilotage", *BODY[1]]]).text.startswith("\n".join(lines))


# Page labels, and pages without text


def test_page_labels_are_those_that_the_file_declares() -> None:
    document = read([[line] for line, _ in BODY], labels="0 << /S /r >> 2 << /S /D /St 7 /P (A-) >>")
    assert document.page_labels == ("i", "ii", "A-7", "A-8", "A-9")
    assert document.page_label_of(0, 3) == "i"
    assert document.page_label_of(document.pages[1], document.pages[3]) == "ii–A-7"
    assert read([[line] for line, _ in BODY]).page_labels == ()
    cover = Document("a", "abc", pages=(0, 1, 2), page_labels=("", "2", "iv"))
    assert [cover.page_label_of(0, end) for end in (1, 2, 3)] == [None, None, "iv"]


def test_a_page_whose_label_is_its_number_has_none() -> None:
    document = read([[line] for line, _ in BODY], labels="0 << /S /D >>")
    assert document.page_label_of(0, len(document.text)) is None


def test_pages_without_text_are_named() -> None:
    (notice,) = read([["Rain falls."], [], [], [], ["Snow falls."], []]).notices
    assert notice.startswith("pages 2 to 4 and 6 of 6 have no text")
    (notice,) = read([["Rain falls."], []]).notices
    assert notice.startswith("page 2 of 2 has no text")
    with pytest.raises(NoTextError):
        read([[], []])
