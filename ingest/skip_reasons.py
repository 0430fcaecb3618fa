"""Why a file or a document is not indexed, and what to do about it."""

import errno
import math
import re
import stat
from pathlib import Path, PurePosixPath

EMPTY = "it is empty"
NAME_NOT_UTF8 = "its name is not valid UTF-8; rename it"
LINK_OUT = "it links to a place outside the folder"
LINK_TO_IGNORED = "it links to a file that is ignored or excluded"
LINK_TO_FOLDER = "it links to a folder that is hidden, ignored or not read, and only links to files are followed"
REPLACED = "it, or a folder above it, was exchanged for a link since the folder was scanned; sync again"

BLANK_TEXT = "its text is empty; give it some, or delete the document"
"""Why a document made in memory is not indexed."""

_IGNORE_IT = "ignore it in .retrievalignore"

_VISIBLE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffc]")
"""A character that shows something: neither space, control nor format characters, nor the place of an object."""

_BYTES_OF_NOTHING = b" \t\n\r\v\f\0\xef\xbb\xbf\xff\xfe"  # white space and byte order marks, in any Unicode encoding

_PAGES = {".html", ".htm", ".xhtml"}
_SHEETS = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv"}
_PICTURES = {
    ".docx", ".docm", ".dotx", ".dotm", ".pptx", ".pptm", ".ppsx", ".potx", ".odt", ".ott", ".odp", ".rtf", ".epub",
}  # fmt: skip

MEGABYTE = 1_000_000
_SPECIAL = {
    stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}  # fmt: skip


def link_to_read(source: str, *, is_folder: bool) -> str:
    """A link to a file or folder below the synced one, which is read under its own name."""
    if is_folder:
        return f"it links to a folder that is read where it lies; see {source}/"
    return f"it links to a file that is read where it lies; see {source}"


def describes_nothing(name: str) -> str:
    """A sidecar without its file."""
    return f"it describes {name}, which is not beside it"


def describes_again(name: str, other: str) -> str:
    """A sidecar beside another one."""
    return f"it describes {name}, which {other} does already; merge them"


def unreadable(what: str, error: OSError) -> str:
    return f"{what} ({error.strerror}); make it readable, or {_IGNORE_IT}"


def broken_link(error: OSError) -> str:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return f"it links to nothing; mend the link, remove it, or {_IGNORE_IT}"
    if error.errno == errno.ELOOP:
        return f"it links to itself in the end; mend the link, remove it, or {_IGNORE_IT}"
    return unreadable("it links to what cannot be looked at", error)


def not_a_file(mode: int) -> str | None:
    """None for a regular file, by its st_mode."""
    if stat.S_ISREG(mode):
        return None
    return f"it is {_SPECIAL.get(stat.S_IFMT(mode), 'something else')}, not a file; remove it, or {_IGNORE_IT}"


def too_large(size: int, limit: float) -> str | None:
    """None where a file has no more bytes than the limit."""
    if size <= limit:
        return None
    shown = math.ceil(size / MEGABYTE * 10) / 10  # upwards, so that it is more than the limit
    return f"it has {shown:,.15g} MB and the limit is {limit / MEGABYTE:,.15g} MB: raise max_file_mb, or {_IGNORE_IT}"


def unknown_rules(error: OSError) -> str:
    name = Path(error.filename).name
    return f"what to ignore in it is unknown: its {name} cannot be read ({error.strerror}); make that readable"


def is_blank(text: str) -> bool:
    """Whether nothing in it can be seen."""
    return not _VISIBLE.search(text)


def why_blank(data: bytes, *, source: str) -> tuple[str, bool]:
    """Why nothing was found in a file, and whether something should have been: in one of white space alone, nothing."""
    if not data.strip(_BYTES_OF_NOTHING):
        return EMPTY, False
    suffix = PurePosixPath(source).suffix.lower()
    if suffix in _PAGES:
        way_out = f"if scripts or frames make its text, save it as a browser shows it; else {_IGNORE_IT}"
    elif suffix in _SHEETS:
        way_out = f"its cells are empty; fill them, or {_IGNORE_IT}"
    elif suffix in _PICTURES:
        way_out = f"if it holds pictures of text, export it as a PDF and set `ocr_command`; else {_IGNORE_IT}"
    else:
        way_out = _IGNORE_IT
    return f"no text was found in it: {way_out}", True
