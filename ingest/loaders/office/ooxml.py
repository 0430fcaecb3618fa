"""What DOCX and PPTX have in common: parts that refer to each other by relationships, and core properties."""

import posixpath
from typing import NamedTuple
from urllib.parse import unquote

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.xml_elements import child_text
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError


class Relationship(NamedTuple):
    """What a part refers to: the last word of the relation's type, and the name of the other part."""

    kind: str
    target: str


def relationships(archive: Archive, part: str) -> dict[str, Relationship]:
    """What `part` refers to in its package, by the relation's id; "" is the package itself."""
    folder, name = posixpath.split(part)
    root = archive.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
    if root is None:
        return {}
    return {
        element.get("Id", ""): Relationship(
            element.get("Type", "").rpartition("/")[2], _target(folder, element.get("Target", ""))
        )
        for element in root.iterchildren("{*}Relationship")
        if element.get("TargetMode") != "External"
    }


def _target(folder: str, target: str) -> str:
    target = unquote(target).replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def main_part(archive: Archive, *, usual: str, what: str) -> str:
    """The part that the package declares as its document; usually, but not always, `usual`."""
    for relationship in relationships(archive, "").values():
        if relationship.kind == "officeDocument" and relationship.target in archive:
            return relationship.target
    if usual not in archive:
        raise LoadError(f"it is a ZIP archive without {what}; save it again")
    return usual


def core_title(archive: Archive) -> str | None:
    """The title among the properties, where a user gave one."""
    return meaningful_title(child_text(archive.xml("docProps/core.xml"), "title"))
