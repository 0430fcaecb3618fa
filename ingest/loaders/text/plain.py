"""Text that needs no parsing: plain text, data files such as JSON, and source code."""

from pathlib import PurePosixPath

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.front_matter import described
from retrieval.types import Document

LANGUAGES = {
    ".c": "c",
    ".h": "c",
    ".cbl": "cobol",
    ".cob": "cobol",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".cs": "csharp",
    ".ex": "elixir",
    ".exs": "elixir",
    ".go": "go",
    ".hs": "haskell",
    ".java": "java",
    ".cjs": "js",
    ".js": "js",
    ".jsx": "js",
    ".mjs": "js",
    ".kt": "kotlin",
    ".kts": "kotlin",
    ".lua": "lua",
    ".pl": "perl",
    ".pm": "perl",
    ".php": "php",
    ".ps1": "powershell",
    ".psm1": "powershell",
    ".proto": "proto",
    ".py": "python",
    ".pyi": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".sc": "scala",
    ".scala": "scala",
    ".sol": "sol",
    ".swift": "swift",
    ".cts": "ts",
    ".mts": "ts",
    ".ts": "ts",
    ".tsx": "ts",
    ".bas": "visualbasic6",
    ".frm": "visualbasic6",
}
"""The value of langchain_text_splitters.Language by suffix; a literal, because importing that takes seconds."""

_PROSE = frozenset({".txt", ".text"})


def load_text(data: bytes, *, source: str) -> Document:
    """The file's text as it is, with no headings; with a title and metadata where a .txt has front matter."""
    text, notices = decode_noting(data)
    document = Document(source, text, notices=notices)
    return described(document) if PurePosixPath(source).suffix.lower() in _PROSE else document


def load_code(data: bytes, *, source: str) -> Document:
    """The file's text as it is, with the language that its suffix names as syntax."""
    text, notices = decode_noting(data)
    return Document(source, text, syntax=LANGUAGES[PurePosixPath(source).suffix.lower()], notices=notices)
