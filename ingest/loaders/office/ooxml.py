"""What DOCX, PPTX and XLSX have in common: parts that refer to each other by relationships, and core properties."""

import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.xml_elements import attribute, child_text, local_name
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


def related_parts(archive: Archive, part: str, kind: str) -> Iterator[Any]:
    """The roots of the parts that `part` refers to by relations of that kind, in the order of their names."""
    targets = {relation.target for relation in relationships(archive, part).values() if relation.kind == kind}
    for target in sorted(targets):
        root = archive.xml(target)
        if root is not None:
            yield root


def relation_id(element: Any, name: str = "id") -> str:
    """The id of the relation that an element refers to: its attribute of that name that has a namespace."""
    return next((value for key, value in element.attrib.items() if key.endswith("}" + name)), "")


def chosen(alternate: Any) -> list[Any]:
    """What an AlternateContent shows: its first choice that says anything, else its fallback for older programs."""
    for branch in alternate:
        if local_name(branch) == "Choice" and any(map(_says_something, branch.iter())):
            return list(branch)
    return [part for branch in alternate if local_name(branch) == "Fallback" for part in branch]


def _says_something(element: Any) -> bool:
    name = local_name(element)
    return name in {"chart", "relIds"} or (name in {"t", "textpath"}) or bool(attribute(element, "descr"))


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
