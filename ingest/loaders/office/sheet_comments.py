"""The comments on the cells of an XLSX: notes of the old kind, and threads with replies."""

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.ooxml import related_parts
from ingest.loaders.office.sheets import position
from ingest.loaders.office.xml_elements import attribute, child, children, local_name
from ingest.whole_numbers import whole_number


def people(archive: Archive, main: str) -> dict[str, str]:
    """The names of those who take part in threads, by their ids."""
    found = (person for root in related_parts(archive, main, "person") for person in root)
    return {attribute(person, "id") or "": attribute(person, "displayName") or "" for person in found}


def comments_on(archive: Archive, sheet: str, names: Mapping[str, str]) -> dict[int, dict[int, str]]:
    """By row and column, the comments on a sheet, each in brackets: `[Ann: check this] [Ben: done]`."""
    threads = list(_threads(archive, sheet, names))
    threaded = {reference for reference, _ in threads}  # for older programs, these are notes too
    found: dict[int, dict[int, str]] = {}
    for reference, text in (*threads, *(note for note in _notes(archive, sheet) if note[0] not in threaded)):
        place = position(reference)
        if place is not None and text:
            row = found.setdefault(place[0], {})
            row[place[1]] = f"{row.get(place[1], '')} [{text}]".strip()
    return found


def _threads(archive: Archive, sheet: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for root in related_parts(archive, sheet, "threadedComment"):
        for comment in root:
            yield attribute(comment, "ref") or "", _said(names.get(attribute(comment, "personId") or "", ""), comment)


def _notes(archive: Archive, sheet: str) -> Iterator[tuple[str, str]]:
    for root in related_parts(archive, sheet, "comments"):
        authors = [author.text or "" for author in children(root, "authors")]
        for comment in children(root, "commentList"):
            number = whole_number(attribute(comment, "authorId"))
            author = authors[number] if number is not None and number < len(authors) else ""
            yield attribute(comment, "ref") or "", _said(author, comment)


def _said(author: str, comment: Any) -> str:
    """What a comment says, behind its author's name unless it begins with that."""
    text = plain_text(child(comment, "text"))
    return f"{author}: {text}" if author and text and not text.startswith(author) else text


def plain_text(item: Any | None) -> str:
    """The text of a cell or a comment, without the fonts of its runs and how it is pronounced."""
    if item is None:
        return ""
    pieces = [item.text or ""]
    for part in item:
        name = local_name(part)
        if name == "t":
            pieces.append(part.text or "")
        elif name == "r":
            pieces += [run.text or "" for run in part if local_name(run) == "t"]
    return " ".join("".join(pieces).split())
