"""Documents cut at their headings, and the sentence that a passage begins with."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import regex

from retrieval.types import Document, Heading

_ENDS = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？．]+[」』”’）]*|[।؟۔](?=\s|$)")
"""Where a sentence may end, in Latin and Cyrillic, Chinese and Japanese, Hindi, Arabic and Urdu."""

_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:\w|\w{1,4}\.(?:\s?\w{1,4})*|Dr|Mr|Mrs|Ms|St|No|Nr|vs|etc|bzw|usw|ca|cf)\.$")
"""What ends in a full stop and ends no sentence: an initial, "e.g.", "z. B.", and a few words."""

_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of scripts that put no space between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""

_MARKERS = " \t\n\r>*-+•·|"
"""What may stand before a paragraph's first word."""

_CODE = re.compile(r"[{}<>|\\=#*\[\]_`]|: |://")
"""What prose has once at most: more is markup, a list of settings or a program."""

_NUMBER = re.compile(r"^[\W_]*(?:\d{1,2}(?:\.\d{1,2})*[.)]?\s+)?")
"""What stands before a heading's words, such as "2.1. " or "§ 5 "."""

_PARAGRAPHS_TRIED = 4


@dataclass(frozen=True, slots=True)
class Section:
    """What stands between one heading and the next, or a whole document without headings.

    path     the headings that it stands under, outermost first, as places in the document's `headings`
    start, end   its span in the document's text, without the line of its own heading
    """

    document: Document
    path: tuple[int, ...]
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]


@dataclass(slots=True)
class Passage:
    """A part of a section, as a document of its own would hold it. `bare` is its text in letters, as it was read."""

    section: Section
    source: str
    text: str
    bare: str = field(init=False)

    def __post_init__(self) -> None:
        self.bare = letters(self.text)

    @property
    def heading(self) -> int | None:
        """The place of the section's own heading in its document."""
        return self.section.path[-1] if self.section.path else None

    @property
    def asked_heading(self) -> str:
        """The section's heading as a question, without its number; else the title of a document without headings."""
        document = self.section.document
        if self.heading is None:
            return "" if document.headings else (document.title or "")
        return without_number(document.headings[self.heading].text)


def sections(document: Document) -> Iterator[Section]:
    """In their order; those without a letter or digit are left out."""
    path: list[int] = []
    start = 0
    for place, heading in enumerate(document.headings):
        yield from _section(document, tuple(path), start, heading.char_start)
        while path and document.headings[path[-1]].level >= heading.level:
            path.pop()
        path.append(place)
        start = _after_heading(document.text, heading)
    yield from _section(document, tuple(path), start, len(document.text))


def _section(document: Document, path: tuple[int, ...], start: int, end: int) -> Iterator[Section]:
    if letters(document.text[start:end]):
        yield Section(document, path, start, end)


def _after_heading(text: str, heading: Heading) -> int:
    """Where the heading's own line ends, and a line below it that underlines it; where the text at its place says
    something else, its place."""
    end = _line_end(text, heading.char_start)
    if letters(heading.text) not in letters(text[heading.char_start : end]):
        return heading.char_start
    below = _line_end(text, end + 1)
    is_underline = end < len(text) and re.fullmatch(r"\s*([=\-~^*#\"'])\1{2,}\s*", text[end + 1 : below])
    return below if is_underline else end


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    return len(text) if found < 0 else found


def parts(text: str, *, most: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `most` characters that cover a text, cut at blank lines, else at lines, else at blanks."""
    start = 0
    while len(text) - start > most:
        window = text[start : start + most]
        ends = (window.rfind(separator, most // 2) for separator in ("\n\n", "\n", " "))
        cut = next((end for end in ends if end > 0), most)
        yield start, start + cut
        start += cut
    yield start, len(text)


def passages_of(document: Document, *, longest: int) -> Iterator[Passage]:
    """Its sections, long ones in parts of at most `longest` characters."""
    number = 0
    for section in sections(document):
        for start, end in parts(section.text, most=longest):
            if letters(text := section.text[start:end]):
                number += 1
                yield Passage(section, f"{document.source}#{number}", text)


def first_sentence(text: str) -> tuple[int, int] | None:
    """The span of the sentence that a text's first paragraph of prose begins with; None where there is none that asks
    for something: 5 to 40 words, or 12 to 120 characters of a script without spaces, mostly letters.

    Lists, tables and code have no such sentence.
    """
    for paragraph in islice(re.finditer(r"\S.*?(?=\n\s*\n|\Z)", text, re.DOTALL), _PARAGRAPHS_TRIED):
        start = paragraph.start() + len(paragraph[0]) - len(paragraph[0].lstrip(_MARKERS))
        end = _sentence_end(text, start, paragraph.end())
        if end is not None and is_prose(text[start:end]):
            return start, end
    return None


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the sentences of a text's paragraphs, in their order, without the white space around them. What a
    paragraph has after its last full stop is one, too."""
    for paragraph in re.finditer(r"\S.*?(?=\s*\n\s*\n|\s*\Z)", text, re.DOTALL):
        start = paragraph.start()
        while start < paragraph.end():
            end = _sentence_end(text, start, paragraph.end()) or paragraph.end()
            yield start, end
            start = end + len(text[end : paragraph.end()]) - len(text[end : paragraph.end()].lstrip())


def _sentence_end(text: str, start: int, limit: int) -> int | None:
    for found in _ENDS.finditer(text, start, limit):
        following = text[found.end() : limit].lstrip()[:1]
        if not _ABBREVIATION.search(text[max(start, found.end() - 20) : found.end()]) and not following.islower():
            return found.end()
    return None


def is_prose(sentence: str) -> bool:
    """Whether a sentence asks for something, as `first_sentence` has it."""
    bare = letters(sentence)
    first = sentence.lstrip("\"'“„«¿¡「『")[:1]
    if not first.isalpha() or first.islower() or len(_CODE.findall(sentence)) > 1:
        return False
    if len(bare) < 0.6 * len(sentence) or sum(map(str.isdigit, bare)) > 0.2 * len(bare):
        return False
    if len(_NO_SPACES.findall(sentence)) > len(bare) // 2:
        return 12 <= len(bare) <= 120
    return 5 <= len(sentence.split()) <= 40


def without_number(heading: str) -> str:
    """A heading's words, without its number and the marks of links."""
    return _NUMBER.sub("", heading).rstrip("¶# \t")


def is_telling(heading: str) -> bool:
    """Whether a heading asks for something: two words of eight letters together, or four letters of a script without
    spaces. "Notes" and "Version 1.2" do not."""
    count = sum(map(str.isalpha, heading))
    return count >= 4 if _NO_SPACES.search(heading) else count >= 8 and len(heading.split()) >= 2


def is_substantial(text: str) -> bool:
    """Whether a text says enough to be found: 80 letters, of which one of a script without spaces counts for three."""
    bare = letters(text)
    return len(bare) + 2 * len(_NO_SPACES.findall(bare)) >= 80


def letters(text: str) -> str:
    """Its letters with their marks, and digits, in lower case: the same for a text however it is spaced, hyphenated and
    set."""
    return regex.sub(r"[^\p{L}\p{M}\p{N}]+", "", text.casefold())
