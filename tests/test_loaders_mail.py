"""Mail, mailboxes, web archives and calendars: how they are recognised, and what of them is read."""

import base64
import time
from collections.abc import Callable

import pytest

from ingest.loaders import load
from ingest.loaders.mail.loader import load_mail
from retrieval.errors import LoadError
from retrieval.types import OWN_PART, Document

HEADER = (
    "Received: by mx.example.org\nMessage-ID: <1@example.org>\nFrom: ann@example.org\nTo: bob@example.org\n"
    "Date: Mon, 1 Jan 2024 10:00:00 +0100\n"
)
SHOWN = "From: ann@example.org\nTo: bob@example.org\nDate: Mon, 1 Jan 2024 10:00:00 +0100"
PLAIN = "Content-Type: text/plain\n\nplain text"
MARKUP = "Content-Type: text/html\n\n<h1>Head</h1><p>marked up"
SAME = "Content-Type: text/plain\n\nHead\n\nmarked up"


def mail(text: str) -> Document:
    return load_mail(text.encode("latin-1"), source="a.eml")


def read(text: str, name: str) -> Document:
    return load(text.encode(), source=name)


def headings(document: Document) -> list[tuple[int, str]]:
    assert all(document.text.startswith(heading.text, heading.char_start) for heading in document.headings)
    return [(heading.level, heading.text) for heading in document.headings]


def multipart(kind: str, *parts: str) -> str:
    boundary = f"b-{kind}"
    body = "".join(f"\n--{boundary}\n{part}" for part in parts)
    return f"MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary={boundary}\n\n{body}\n--{boundary}--\n"


def alternative(plain: str, html: str) -> str:
    """The text of a mail without headers whose text is sent twice."""
    return mail(
        multipart("alternative", f"Content-Type: text/plain\n\n{plain}", f"Content-Type: text/html\n\n{html}")
    ).text


def words(start: int, end: int) -> str:
    return " ".join(f"word{number}" for number in range(start, end))


# One mail


def test_a_mails_subject_headers_and_body() -> None:
    document = mail(
        "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nTo: a@example.org,\n b@example.org\nX-Other: no\n"
        "Subject: =?iso-8859-1?q?Gr=FC=DFe?= to all\nDate: Mon, 1 Jan 2024 10:00:00 +0100\n\nHello,\n\n  indented\n"
    )
    assert document.title == "Grüße to all"
    assert headings(document) == [(1, "Grüße to all")]
    assert document.text == (
        "Grüße to all\n\nFrom: Jürgen <j@example.org>\nTo: a@example.org, b@example.org\n"
        "Date: Mon, 1 Jan 2024 10:00:00 +0100\n\nHello,\n\n  indented"
    )


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        ("=?UTF-8?Q?Caf=C3?=\n =?UTF-8?Q?=A9_au?= lait", "Café au lait"),  # cut inside a character
        ("Re: =?utf-8?q?What?s up=3F?=", "Re: What?s up?"),
        ("=?utf-8?b?w6TDtg?=", "äö"),  # without its padding
        ("=?utf-8*de?q?=C3=BC?=", "ü"),
        ('"=?koi8-r?B?8NLJ18XU?=, bob"', '"Привет, bob"'),
        ("gr\xfcn", "grün"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
    ],
)
def test_encoded_words_are_decoded(raw: str, subject: str) -> None:
    assert mail(f"Subject: {raw}\n\nbody").title == subject


def test_a_long_header_is_decoded_in_linear_time() -> None:
    people = ",\n ".join(f"=?utf-8?q?J=C3=BC_{number}?= <j{number}@example.org>" for number in range(5_000))
    started = time.process_time()
    document = mail(f"Subject: a\nTo: {people}\n\nbody")
    assert "Jü 4999 <j4999@example.org>" in document.text
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("日本語".encode("iso-2022-jp"), "iso-2022-jp", "日本語"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("Kühl – warm".encode(), "iso-8859-1", "Kühl – warm"),  # UTF-8 that says it is not
        (b"It\x92s late", "iso-8859-1", "It’s late"),  # cp1252 that says it is not
        ("人民币①".encode("gb18030"), "gb2312", "人民币①"),
        ("日本語のテキスト".encode("shift_jis") * 20 + b"\xff", "shift_jis", "日本語のテキスト" * 20),
        (b"plain", "punycode", "plain"),
        ("Grüße aus dem Süden".encode("cp1252"), "no-such-charset", "Grüße aus dem Süden"),
    ],
)
@pytest.mark.parametrize("markup", ["", "<p>"], ids=["plain", "html"])
def test_a_text_survives_its_charset(content: bytes, charset: str, text: str, markup: str) -> None:
    kind = "html" if markup else "plain"
    header = f"Subject: a\nContent-Type: text/{kind}; charset={charset}\n\n{markup}".encode()
    assert load_mail(header + content, source="a").text.removesuffix("�").removesuffix("\uf8f3") == f"a\n\n{text}"


@pytest.mark.parametrize(
    "text",
    [
        "Subject: =?nonsense?q?x?=\nContent-Type: text/plain; charset=nonsense\n\nbody",
        "Subject: =?utf-8?b?YWJjZ?=\nFrom: =?utf-8?b?a?=\n\nbody",
        "Subject: =?utf-8?b?!!!?=\nDate: never\nFrom: <<>>,;\nContent-Type: ;;;\n\nbody",
        "Subject: \xff\xfe raw\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: rubbish\n\nbody",
        "Subject: a\nContent-Type: multipart/mixed\n\nbody",
        "Subject: a\nContent-Type: multipart/mixed; boundary=x\n\nbody",
        "Subject: a\nContent-Type: text/plain; charset*=%%%'x\n\nbody",
        "From x@y Mon Jan  1\nSubject: a\n\nbody",
        "Subject: a\nContent-Disposition: attachment; filename*0*=utf-9''%E4; filename*2=b\n\nbody",
    ],
)
def test_a_broken_mail_is_still_read(text: str) -> None:
    document = mail(text)
    assert "body" in document.text
    assert document.title


def test_a_line_that_is_no_header_does_not_end_the_header() -> None:
    labels = "Subject: a\nlabels: one;\nsecond label\nthird, at 10:30\n"
    document = mail(labels + multipart("mixed", PLAIN))
    assert document.text == "a\n\nplain text"


def test_lines_before_the_header_are_passed_over() -> None:
    assert mail(f"X\n\nwritten by a gateway at 10:30\n{HEADER}Subject: a\n\nbody").text == f"a\n\n{SHOWN}\n\nbody"


def test_parts_are_found_between_other_lines_than_the_header_says() -> None:
    parts = multipart("mixed", PLAIN, MARKUP).replace("boundary=b-mixed", "boundary=_b-mixed_")
    assert mail(f"Subject: a\n{parts}").text == "a\n\nplain text\n\nHead\n\nmarked up"


def test_base64_rubbish_does_not_lose_the_mail() -> None:
    rubbish = "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n%%% no base64 \xff ="
    assert "plain text" in mail(multipart("mixed", PLAIN, rubbish)).text


@pytest.mark.parametrize("text", ["Grüße und viele Worte.\n", "Grüße und viele Worte!!\n", "Grüße und viele Worte!\n"])
def test_a_footer_below_base64_leaves_both_readable(text: str) -> None:
    footer = "_" * 47 + "\nwords about the list\nhttps://example.org/list\n"
    body = base64.encodebytes(text.encode()).decode() + footer
    header = 'Subject: a\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "Base64" \n\n'
    assert mail(header + body).text == f"a\n\n{text}{footer.strip()}"


def test_html_that_is_sent_as_plain_text_is_read_as_html() -> None:
    assert mail("Subject: a\n\n<!DOCTYPE html><html><p>marked</p><p>up").text == "a\n\nmarked\n\nup"


def test_the_mails_of_a_digest_are_read() -> None:
    digest = multipart("digest", "\nSubject: one\n\nfirst", "\nSubject: two\n\nsecond")
    assert headings(mail(f"Subject: Digest\n{digest}")) == [(1, "Digest"), (2, "one"), (2, "two")]


def test_what_is_no_mail_says_so() -> None:
    with pytest.raises(LoadError, match="no mail"):
        mail("just some text\nwithout headers")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("From: a@example.org\nTo: b@example.org\n\n \n", "neither a subject nor a text"),
        ("From: a@example.org\nContent-Type: image/png; name=x.png\n\naa", "only attachments .x.png."),
        ("From: a@example.org\n\n-----BEGIN PGP MESSAGE-----\n\nabc=\n-----END PGP MESSAGE-----\n", "is encrypted"),
    ],
)
def test_a_mail_that_says_nothing_is_reported(text: str, reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        mail(text)
    assert mail(f"Subject: see above\n{text}").text.startswith("see above")


def test_attached_cards_and_data_are_read_as_in_files() -> None:
    card = "BEGIN:VCARD\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Stra=C3=9Fe\nEND:VCARD\n"
    document = mail(
        multipart(
            "mixed",
            f'Content-Type: application/octet-stream; name="a.vcf"\n\n{card}',
            f"Content-Type: text/x-vcard\nContent-Disposition: attachment; filename=card\n\n{card}",
            'Content-Type: application/json; name="b.json"\n\n{"a": "K\\u00fchl"}',
        )
    )
    assert document.text == 'a.vcf\n\nStraße\n\ncard\n\nStraße\n\nb.json\n\n{"a": "Kühl"}'


# Parts


def test_a_mails_plain_text_goes_before_html_that_says_the_same() -> None:
    assert alternative(words(0, 50), f"<p>{words(0, 50)}</p><p>Logo") == words(0, 50)


@pytest.mark.parametrize(
    "plain",
    [
        "",
        " \n",
        "To view this message, please use an HTML email viewer.",
        "https://example.org/a/very/long/address",
        words(0, 40),
    ],
)
def test_html_is_read_where_the_plain_text_says_much_less(plain: str) -> None:
    assert alternative(plain, f"<h1>Order</h1><p>{words(0, 60)}") == f"Order\n\n{words(0, 60)}"


def test_both_are_read_where_each_says_what_the_other_does_not() -> None:
    assert alternative("Call me at five.", "<p>Sent from a phone") == "Call me at five.\n\nSent from a phone"
    assert alternative(words(0, 60), f"<p>{words(100, 160)}") == f"{words(0, 60)}\n\n{words(100, 160)}"


def test_pictures_are_told_where_their_html_is_read() -> None:
    image = 'Content-Type: image/png; name="logo.png"\nContent-ID: <1>\n\nx'
    related = multipart("related", MARKUP, image)
    assert mail(multipart("alternative", related)).text == "Head\n\nmarked up\n\nAttachment: logo.png"
    assert mail(multipart("alternative", SAME, related)).text == "Head\n\nmarked up"


def test_what_is_attached_to_an_alternative_is_not_lost() -> None:
    file = "Content-Type: application/pdf; name=plan.pdf\n\nx"
    mixed = multipart("mixed", "Content-Type: text/html\n\n<p>plain", file, "Content-Type: text/html\n\n<p>text")
    assert mail(multipart("alternative", PLAIN, mixed)).text == "plain text\n\nAttachment: plan.pdf"


def test_a_mails_attachments() -> None:
    attached = 'Content-Disposition: attachment; filename="{}"\n'
    document = mail(
        "Subject: Outer\n"
        + multipart(
            "mixed",
            MARKUP,
            "Content-Type: application/octet-stream\n" + attached.format("notes.md") + "\n# Notes\n\n- one",
            "Content-Type: text/csv\nContent-Transfer-Encoding: base64\n" + attached.format("a.csv") + "\nYSxiCjEsMg==",
            "Content-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''b%C3%A4r.pdf\n\nx",
            "Content-Type: message/rfc822\n\nFrom: ann@example.org\nSubject: Inner\n\nforwarded text",
            "Content-Type: application/pgp-signature; name=s.asc\n\nx",
        )
    )
    assert document.text == (
        "Outer\n\nHead\n\nmarked up\n\nnotes.md\n\n# Notes\n\n- one\n\na.csv\n\na,b\n1,2\n\nAttachment: bär.pdf\n\n"
        "Inner\n\nFrom: ann@example.org\n\nforwarded text"
    )
    assert headings(document) == [(1, "Outer"), (2, "Head"), (2, "notes.md"), (2, "a.csv"), (2, "Inner")]


@pytest.mark.parametrize(
    "kind",
    [
        "message/rfc822\n",
        "message/rfc822\nContent-Transfer-Encoding: base64\n",
        "application/octet-stream; name=old.eml\nContent-Transfer-Encoding: base64\n",
    ],
)
def test_a_forwarded_mail_is_read_however_it_is_packed(kind: str) -> None:
    inner = f"Subject: Inner\nFrom: ann@example.org\n{multipart('alternative', SAME, MARKUP)}"
    packed = base64.encodebytes(inner.encode()).decode() if "base64" in kind else inner
    document = mail("Subject: Fwd\n" + multipart("mixed", PLAIN, f"Content-Type: {kind}\n{packed}"))
    assert headings(document)[:2] == [(1, "Fwd"), (2, "Inner")]
    assert "From: ann@example.org\n\nHead\n\nmarked up" in document.text


def test_why_a_mail_was_not_delivered_is_read() -> None:
    status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nDiagnostic-Code: 550 no such user\n"
    assert "Diagnostic-Code: 550 no such user" in mail(multipart("report", PLAIN, status)).text


def test_the_text_of_signed_mails_is_read_without_the_signature() -> None:
    armoured = (
        "Subject: a\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nsigned words\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEB\n-----END PGP SIGNATURE-----\nafter"
    )
    assert mail(armoured).text == "a\n\nsigned words\nafter"


def envelope(content: bytes, *, pieces: int) -> bytes:
    """CMS SignedData around `content`, in its definite form or, streamed, in so many pieces of indefinite length."""

    def element(tag: int, value: bytes) -> bytes:
        size = len(value).to_bytes(4, "big")
        return bytes([tag, 0x84]) + size + value

    def endless(tag: int, value: bytes) -> bytes:
        return bytes([tag, 0x80]) + value + b"\0\0"

    wrap = endless if pieces else element
    size = -(-len(content) // (pieces or 1))
    octets = [element(4, content[at : at + size]) for at in range(0, len(content), size)]
    packed = endless(0x24, b"".join(octets)) if pieces else octets[0]
    inner = wrap(0x30, bytes.fromhex("06092a864886f70d010701") + wrap(0xA0, packed))
    signed = wrap(0x30, bytes.fromhex("020101") + element(0x31, b"") + inner)
    return wrap(0x30, bytes.fromhex("06092a864886f70d010702") + wrap(0xA0, signed))


@pytest.mark.parametrize("pieces", [0, 7])
def test_the_mail_in_a_signed_envelope_is_read(pieces: int) -> None:
    data = envelope(multipart("mixed", PLAIN, MARKUP).encode(), pieces=pieces)
    head = "Subject: a\nContent-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n"
    assert "plain text" in mail(head + base64.encodebytes(data).decode()).text
    for size in range(0, len(data), 5):
        mail(head + base64.encodebytes(data[:size]).decode())
    encrypted = data.replace(bytes.fromhex("010702"), bytes.fromhex("010703"))
    document = mail(head + base64.encodebytes(encrypted).decode())
    assert document.text == "a\n\nAttachment: smime.p7m"
    assert len(document.notices) == 1


def test_encrypted_mails_are_told() -> None:
    armour = "-----BEGIN PGP MESSAGE-----\n\nabc=\n-----END PGP MESSAGE-----\n"
    inline = f"Subject: a\nFrom: ann@example.org\n\nSee:\n{armour}"
    version = "Content-Type: application/pgp-encrypted\n\nVersion: 1"
    packed = f"Content-Type: application/octet-stream; name=encrypted.asc\n\n{armour}"
    parts = f"Subject: b\nFrom: ann@example.org\n{multipart('encrypted', version, packed)}"
    for text in (inline, parts):
        document = mail(text)
        assert "abc" not in document.text
        assert "a text in it is encrypted" in document.notices[0]
    assert "2 of its texts" in read(mailbox(inline, parts), "Inbox").notices[0]
    assert mail("Subject: a\n\nbody").notices == ()


def test_a_uuencoded_file_is_told_by_its_name() -> None:
    assert mail("Subject: a\n\nsee\nbegin 644 a.bin\nM86)C\n`\nend\nafter").text == "a\n\nsee\nAttachment: a.bin\nafter"


# Mailboxes, and files that nothing but their content calls mail


def mailbox(*messages: str, line: str = "From ann@example.org Mon Jan  1 10:00:00 2024") -> str:
    return "".join(f"{line}\n{message}\n\n" for message in messages)


BOX = mailbox(
    f"{HEADER}Subject: One\n\n>From here on,\n>>From there.\n\nFrom now on it is prose.\nFrom 10:30 in 2024: prose.",
    f"{HEADER}Subject: =?utf-8?q?Zw=C3=B6lf?=\n{multipart('mixed', MARKUP)}",
    f"{HEADER}\nwithout a subject",
)


@pytest.mark.parametrize("name", ["Inbox", "a.mbox", "a.txt", "a.eml", "1709.M1P2.host:2,S"])
@pytest.mark.parametrize("change", [str, lambda box: box.replace("\n", "\r\n"), lambda box: "\ufeff\n" + box])
def test_each_message_of_a_mailbox_has_its_heading(name: str, change: Callable[[str], str]) -> None:
    document = read(change(BOX), name)
    assert headings(document) == [(OWN_PART, "One"), (OWN_PART, "Zwölf"), (1, "Head"), (OWN_PART, "ann@example.org")]
    assert document.title is None
    assert document.text.startswith(
        f"One\n\n{SHOWN}\n\nFrom here on,\n>From there.\n\nFrom now on it is prose.\nFrom 10:30 in 2024: prose."
    )
    assert document.text.endswith("without a subject")


@pytest.mark.parametrize(
    "line",
    [
        "From - Mon Jan 01 10:00:00 2024",
        "From 1234567890123456789@xxx Mon Jan 01 10:00:00 +0000 2024",
        "From ann at example.org  Mon Jan  1 10:00:00 2024",
        "From ann@example.org Mon, 1 Jan 2024 10:00:00 +0100",
        "From ???@??? Mon Jan 01 10:00:00 2024",
        "From ann@example.org",
        f"From {'0123456789' * 4} Mon Sep 17 00:00:00 2001",
    ],
)
def test_mailboxes_are_cut_at_from_lines_of_any_kind(line: str) -> None:
    box = mailbox(*(f"{HEADER}Subject: {subject}\n\nbody" for subject in "abc"), line=line)
    assert [text for _, text in headings(read(box, "Inbox"))] == ["a", "b", "c"]


def test_a_content_length_that_fits_goes_before_from_lines() -> None:
    quoted = f"See:\n\n{mailbox('From: x@example.org' + chr(10) + 'Subject: quoted' + chr(10) + chr(10) + 'inner')}"
    right, wrong = (f"{HEADER}Subject: a\nContent-Length: {len(quoted) + extra}\n\n{quoted}" for extra in (0, 7))
    last = f"{HEADER}Subject: b\n\nbody"
    assert [text for _, text in headings(read(mailbox(right, last), "Inbox"))] == ["a", "b"]
    assert [text for _, text in headings(read(mailbox(wrong, last), "Inbox"))] == ["a", "quoted", "b"]


def test_a_patch_in_a_mail_is_no_message() -> None:
    patch = f"From {'0123456789' * 4} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH] x\n\n---"
    assert headings(read(mailbox(f"{HEADER}Subject: a\n\nlook:\n\n{patch}"), "Inbox")) == [(1, "a")]
    assert read(patch, "a.patch").text == patch


def test_deleted_messages_of_a_mailbox_are_not_read() -> None:
    internal = "From: s@example.org\nX-IMAP: 1\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx"
    deleted, read_once = (f"X-Mozilla-Status: {bits}\n{HEADER}Subject: s{bits}\n\nbody" for bits in ("0009", "0001"))
    assert headings(read(mailbox(internal, deleted, read_once), "Inbox")) == [(1, "s0001")]
    with pytest.raises(LoadError, match="deleted"):
        read(mailbox(internal, deleted), "Inbox")


def test_a_mailbox_takes_linear_time() -> None:
    box = mailbox(*(f"{HEADER}Subject: Number {n}\n\nFrom all of us: {n}." for n in range(3_000)))
    started = time.process_time()
    document = read(box, "Inbox")
    assert len(document.headings) == 3_000
    assert "From all of us: 2999." in document.text
    assert time.process_time() - started < 4


@pytest.mark.parametrize("name", ["1709626800.M1P2.host:2,S", "1709626800.V8.host", "1234.emlx", "1234", "a.txt"])
def test_a_mail_is_recognised_by_its_content(name: str) -> None:
    message = f"{HEADER}Subject: a\n\nbody\n"
    plist = '<?xml version="1.0"?>\n<plist><dict/></plist>\n'
    for text in (message, f"{len(message)}      \n{message}{plist}", f"9999\n{message}{plist}"):
        document = read(text, name)
        assert (document.title, document.text) == ("a", f"a\n\n{SHOWN}\n\nbody")


@pytest.mark.parametrize(
    "text",
    [
        "From: the kitchen\nTo: whoever\nSubject: soup\nRoom: 3\n\nSoup is ready.\n",
        "From the kitchen\nDate: today\n\nSoup is ready.\n",
        "Subject: soup\nDate: today\n\nSoup.\n",
        "2024\nFrom: one\n",
    ],
)
def test_a_text_that_only_begins_like_a_mail_stays_as_it_is(text: str) -> None:
    assert read(text, "a.txt").text == text


# Pages saved as one file


def archive(
    header: str, *, charset: str = "", markup: str = "<h1>Kopf</h1><p>Der K=C3=BChler l=C3=A4uft=\n gut."
) -> str:
    page = f"Content-Type: text/html{charset}\nContent-Transfer-Encoding: quoted-printable\nContent-ID: <main>\n\n"
    style = "Content-Type: text/css\n\nbody { color: red }"
    frame = "Content-Type: text/html\n\n<p>The frame."
    return header + multipart("related", style, page + markup, frame, "Content-Type: image/png\n\nx")


BLINK = "From: <Saved by Blink>\nSnapshot-Content-Location: https://example.org/\nSubject: =?utf-8?q?K=C3=BChlung?=\n"


@pytest.mark.parametrize("header", [BLINK, 'From: "Saved by a browser"\nSubject: x\n', ""])
@pytest.mark.parametrize("name", ["a.mht", "a.mhtml", "a.html", "a.doc", "a"])
def test_a_saved_page_is_read_as_the_page(header: str, name: str) -> None:
    document = read(archive(header, charset="; charset=utf-8"), name)
    assert document.text == "Kopf\n\nDer Kühler läuft gut."
    assert headings(document) == [(1, "Kopf")]


def test_the_title_and_the_frames_of_a_saved_page() -> None:
    title = "<title>Titel</title>"
    assert read(archive(BLINK), "a.mht").title == "Kühlung"
    assert read(archive(BLINK, markup=f"{title}<p>words"), "a.mht").title == "Titel"
    assert read(archive(BLINK, markup=f"{title}<frameset>"), "a.mht").text == "The frame."
    single = "MIME-Version: 1.0\nContent-Type: text/html\nContent-Location: file:///a.htm\n\n<p>alone"
    assert read(single, "a.mht").text == "alone"
    empty = archive(BLINK, markup=title).replace("The frame.", "")
    with pytest.raises(LoadError, match="no text"):
        read(empty, "a.mht")


def test_damage_takes_linear_time() -> None:
    header = f"{HEADER}Subject: a\n"
    boundary = "\nContent-Type: multipart/alternative; boundary=b\n"
    damaged = {
        "a.eml": header + "no header\n" * 5_000 + "Content-Type: text/plain\n\nbody",
        "b.eml": header + "\n" + "-----BEGIN PGP MESSAGE-----\nbegin 644 x\n" * 5_000 + "\nend",
        "c.eml": header.rstrip() + boundary + "\n--b\nContent-Type: text/html\n\nx" * 500,
        "d.ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY" + ';A="b"' * 5_000 + "\nSUMMARY:a",
        "Sent": f"From a@b Mon Jan  1 10:00:00 2024\n{HEADER}Subject: a\n\nb\n\nFrom {'1:11 ' * 50_000}\nTo: x\n",
        "Inbox": ("From a@b Mon Jan  1 10:00:00 2024\nFrom: a\nTo: b\nContent-Length: 99999\n\nb\n\n") * 500,
    }
    started = time.process_time()
    assert all(read(text, name).text for name, text in damaged.items())
    assert time.process_time() - started < 4


# Calendars

EVENT = (
    "BEGIN:VEVENT\r\nSUMMARY;LANGUAGE=de:Wartung\\, Kühl\r\n anlage\r\nDTSTART;TZID=Europe/Berlin:20240305T140000\r\n"
    "DTEND;TZID=Europe/Berlin:20240305T153000\r\nLOCATION:Keller\\; links\r\nRRULE:FREQ=WEEKLY\r\n"
    'ORGANIZER;CN="Ann: A":mailto:ann@example.org\r\nATTENDEE;CN=Bob:MAILTO:bob@example.org\r\n'
    "ATTENDEE:mailto:c@example.org\r\nDESCRIPTION:Bring\\na lamp\r\n"
    "BEGIN:VALARM\r\nDESCRIPTION:Reminder\r\nEND:VALARM\r\nEND:VEVENT\r\n"
)
SHOWN_EVENT = (
    "Wartung, Kühlanlage\n\nWhen: 2024-03-05 14:00 to 15:30 Europe/Berlin\nRepeats: FREQ=WEEKLY\nWhere: Keller; links\n"
    "Organizer: Ann: A <ann@example.org>\nAttendees: Bob <bob@example.org>, c@example.org\n\nBring\na lamp"
)


def calendar(*entries: str, name: str = "") -> str:
    zone = "BEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    return f"BEGIN:VCALENDAR\r\n{name}{zone}{''.join(entries)}END:VCALENDAR\r\n"


@pytest.mark.parametrize("name", ["a.ics", "a.txt", "a", "a.vcs"])
def test_a_calendars_entries(name: str) -> None:
    document = read(calendar(EVENT), name)
    assert (document.title, document.text) == ("Wartung, Kühlanlage", SHOWN_EVENT)
    two = read(calendar(EVENT, EVENT.replace("Wartung", "Abnahme"), name="X-WR-CALNAME:Werk\r\n"), name)
    assert two.title == "Werk"
    assert headings(two) == [(OWN_PART, "Wartung, Kühlanlage"), (OWN_PART, "Abnahme, Kühlanlage")]


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ("DTSTART:20240305T140000Z\nDURATION:PT1H30M", "2024-03-05 14:00 to 15:30 UTC"),
        ("DTSTART;VALUE=DATE:20240305\nDTEND;VALUE=DATE:20240306", "2024-03-05"),
        ("DTSTART;VALUE=DATE:20240305\nDTEND;VALUE=DATE:20240308", "2024-03-05 to 2024-03-07"),
        ("DTSTART:20240305T220000\nDTEND:20240306T010000", "2024-03-05 22:00 to 2024-03-06 01:00"),
        ("DTSTART:20249905T220000\nDTEND:soon", "20249905T220000 to soon"),
        ("DTSTART:99991231T220000Z\nDURATION:P9999999W", "9999-12-31 22:00 UTC"),
    ],
)
def test_when_an_entry_is(times: str, shown: str) -> None:
    text = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:a\n{times}\nEND:VEVENT\nEND:VCALENDAR"
    assert read(text, "a.ics").text == f"a\n\nWhen: {shown}"


def test_a_calendar_of_the_old_kind_and_one_that_is_cut_off() -> None:
    old = "SUMMARY;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Stra=C3=9F=\r\nenfest\r\n"
    assert read(f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{old}", "a.vcs").text == "Straßenfest"
    with pytest.raises(LoadError, match="no entries"):
        read(calendar(), "a.ics")
    with pytest.raises(LoadError, match="no calendar"):
        read("words", "a.ics")


def test_a_calendar_is_read_as_people_see_it() -> None:
    entry = (
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:K\xc3\r\n \xbchlung\r\n"  # folded inside a character
        b"DTSTART;TZID=/example.org/Europe/Berlin:20240305T140000\r\n"
        b"DESCRIPTION:<b>Agenda</b><br>Heat &amp\\; cold\\nnext\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    text = "Kühlung\n\nWhen: 2024-03-05 14:00 Europe/Berlin\n\nAgenda\nHeat & cold\nnext"
    assert load(entry, source="a.ics").text == text
    assert load(entry, source="a.ics").notices == ()
    assert load(entry.replace(b"Agenda", b"\xfcber"), source="a.ics").notices != ()


def test_an_invitation_says_once_when_and_where() -> None:
    part = f"Content-Type: text/calendar; charset=utf-8; method=REQUEST\n\n{calendar(EVENT)}"
    attached = f"Content-Type: application/ics; name=invite.ics\n\n{calendar(EVENT)}"
    invitation = multipart("mixed", multipart("alternative", SAME, MARKUP, part), attached)
    document = read(f"Subject: Einladung\n{invitation}", "a.eml")
    assert document.text.count(SHOWN_EVENT) == 1
    assert headings(document) == [(1, "Einladung"), (2, "Wartung, Kühlanlage")]


def test_a_mail_that_was_cut_off_in_its_base64_is_read_up_to_there() -> None:
    text = "The valve of the second boiler was replaced."
    whole = base64.b64encode(text.encode()).decode()
    header = "From: ada@example.org\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
    for length in range(30, 40):
        document = load((header + whole[:length]).encode(), source="a.eml")
        assert text[: length * 3 // 4 - 2] in document.text


@pytest.mark.parametrize("charset", [b"\x80", b"a\x00b", b"no-such"])
def test_a_charset_that_cannot_be_costs_no_body(charset: bytes) -> None:
    data = b"Subject: Pump\nContent-Type: text/plain; charset=" + charset + b"\n\nThe pump \xe9 stands still.\n"
    assert "stands still" in load_mail(data, source="a.eml").text


# Texts that are not plain as they stand


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("plain; format=flowed", "one \ntwo\nthree", "one two\nthree"),
        ("plain; format=flowed; delsp=yes", "KB50 \n34441\n", "KB5034441"),
        ("plain; DelSp=Yes; Format=Flowed", "> neap ti \n> de\n>> ebb \nflow", "> neap tide\n>> ebb\nflow"),
        ("plain; format=flowed", "tide \n-- \nAnn \nB", "tide \n-- \nAnn B"),
        ("plain; format=flowed", " >>> x \n From here", ">>> x From here"),
        ("plain", "one \ntwo", "one \ntwo"),
        ("plain", "2*12345678901=24691357802", "2*12345678901=24691357802"),
        ("enriched", "<bold>Low</bold> ti<italic>de\nis</italic>\n\nat <<9>\n\n\nx", "Low tide is\nat <9>\n\nx"),
        ("enriched", "<color><param>red</param>a</color>\n<nofill>b\nc</nofill>", "a b\nc"),
        ("richtext", "<Bold>Low</Bold>\ntide<nl>a <lt> b<comment>no</comment>", "Low tide\na < b"),
    ],
)
def test_soft_line_breaks_and_commands_are_no_text(kind: str, body: str, text: str) -> None:
    assert mail(f"{HEADER}Content-Type: text/{kind}\n\n{body}").text == f"{SHOWN}\n\n{text}"


def test_a_mail_inside_that_is_wrongly_quoted_printable_is_decoded() -> None:
    inner = "Subject: Inner\nContent-Type: text/plain;\n charset=3Dutf-8\n\nlow ti=\nde =3D ebb"
    outer = multipart("mixed", f"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n{inner}")
    assert mail(HEADER + outer).text.endswith("Inner\n\nlow tide = ebb")


@pytest.mark.parametrize("name", ["cur/1700000000.M1.host:2,S", "cur/1,S=52:2,", "cur/1;2,FS"])
def test_a_mail_in_a_maildir_is_known_by_its_name_however_short_it_is(name: str) -> None:
    short = load(b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\n\nHallo\n", source=name)
    assert (short.title, short.text.splitlines()[-1]) == ("Grüße", "Hallo")
