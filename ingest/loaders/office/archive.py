"""Reads the ZIP archives that office and e-book files are: capped, without entities, every failure a LoadError."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from retrieval.errors import LoadError

MAX_UNPACKED = 128 * 1024 * 1024
"""Bytes that what is read of one archive may unpack to; more is refused before it is unpacked."""

_UNZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, ArithmeticError,
    LookupError,
)  # fmt: skip
"""What zipfile raises for damaged archives: RuntimeError covers encrypted members and unknown compressions."""

_PARSING: Mapping[str, Any] = {
    "resolve_entities": False, "no_network": True, "huge_tree": True, "remove_comments": True, "remove_pis": True,
}  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


class Archive:
    """The members of a ZIP archive by name; case and a leading slash are no part of it, as in OOXML packages.

    kind   what the file should be, such as "DOCX", for the reasons of failures.

    Raises LoadError for what is no ZIP archive, or a damaged one.
    """

    def __init__(self, data: bytes, *, kind: str) -> None:
        self._kind = kind
        self._budget = MAX_UNPACKED
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _UNZIP_ERRORS as error:
            raise self._damaged(error) from error
        self._members = {_normalised(info.filename): info for info in self._zip.infolist()}

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names in lower case, in the archive's order."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return _normalised(name) in self._members

    def read(self, name: str) -> bytes:
        """What a member holds; nothing where there is none of that name.

        Raises LoadError where it is damaged or encrypted, and where all that was read would exceed MAX_UNPACKED bytes.
        """
        info = self._members.get(_normalised(name))
        if info is None:
            return b""
        # zipfile never unpacks more than the declared size: what holds more fails its checksum.
        self._budget -= info.file_size
        if self._budget < 0:
            raise LoadError(f"it unpacks to more than {MAX_UNPACKED >> 20} MiB of text; split it")
        try:
            return self._zip.read(info)
        except _UNZIP_ERRORS as error:
            raise self._damaged(error) from error

    def xml(self, name: str) -> Any | None:
        """The root element of a member that is XML; None where there is none of that name."""
        if name not in self:
            return None
        from lxml import etree

        try:
            return parse_xml(self.read(name))
        except etree.XMLSyntaxError as error:
            raise self._damaged(error) from error

    def elements(self, name: str, *tags: str) -> Iterator[Any]:
        """The elements of these local names in a member that is XML, one after the other, so that few are in memory."""
        return (element for _, element in self.events(name, *tags, starts=False))

    def events(self, name: str, *tags: str, starts: bool = True) -> Iterator[tuple[str, Any]]:
        """When elements of these local names "start" and "end", in order; one that has ended is emptied after that."""
        from lxml import etree

        data = io.BytesIO(self.read(name))
        wanted = [f"{{*}}{tag}" for tag in tags]
        try:
            for event, element in etree.iterparse(
                data, events=("start", "end") if starts else ("end",), tag=wanted, **_PARSING
            ):
                yield event, element
                if event == "end":
                    element.clear()
                    before = element.getprevious()
                    if before is not None and before.tag == element.tag:
                        element.getparent().remove(before)
        except etree.XMLSyntaxError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> LoadError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return LoadError(f"it is a damaged {self._kind}, or none ({reason}); save it again")


def parse_xml(xml: bytes) -> Any:
    """The root element, by a parser that resolves no entities and fetches nothing; raises lxml's XMLSyntaxError."""
    from lxml import etree

    return etree.fromstring(xml, etree.XMLParser(**_PARSING))


def refuse_ole(data: bytes, *, suffix: str) -> None:
    """Raise LoadError where an Office file is encrypted or of before 2007; `suffix` is what it should be saved as."""
    if not data.startswith(_OLE):
        return
    if is_encrypted_office(data):
        raise LoadError(f"it is encrypted; save it as {suffix} without a password")
    raise LoadError(f"it is in the format of before 2007; save it as {suffix}, without a password")


def is_encrypted_office(data: bytes) -> bool:
    """Whether this is the OLE file in which Office wraps a package that has a password."""
    return data.startswith(_OLE) and _ENCRYPTED_PACKAGE in data


def _normalised(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
