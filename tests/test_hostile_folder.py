"""A folder of everything that breaks ingestion: each file costs itself alone and says why, the others are found."""

import gzip
import io
import json
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.report import SyncReport
from retrieval import Config, HybridIndex
from tests.ingesting import sync
from tests.loaders_samples import pdf

NEWLINE = "a name\nof two lines.txt"
EMOJI = "🌧️ rain.md"
UNDECODABLE = b"caf\xe9.txt"


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<w>" + b" " * 140_000_000 + b"</w>")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    return {"bomb.docx": zip_bomb(), "bomb.txt.gz": gzip.compress(b"0" * 20_000_000)}


@pytest.fixture
def hostile(tmp_path: Path, bombs: dict[str, bytes]) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, data in bombs.items():
        (folder / name).write_bytes(data)
    (folder / "line.txt").write_bytes(b"x" * 6_000_000)
    (folder / "deep.json").write_text("[" * 20_000 + "]" * 20_000)
    (folder / "deep.ipynb").write_text('{"cells":' * 50_000 + "1" + "}" * 50_000)
    (folder / "deep.html").write_text("<div>" * 20_000 + "buried treasure" + "</div>" * 20_000)
    (folder / "cut.pdf").write_bytes(pdf([["A page of words."]])[:200])
    (folder / "locked.pdf").write_bytes(pdf([["secret"]], encrypted=True))
    (folder / "scan.pdf").write_bytes(pdf([[], []]))
    (folder / "nul.txt").write_bytes(b"some\0bytes\0that are\x01 no text" * 10)
    (folder / "empty.txt").touch()
    (folder / "folder.pdf").mkdir()
    (folder / "folder.pdf" / "inside.txt").write_text("A file in a folder that is called like a PDF.")
    os.mkfifo(folder / "fifo.txt")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling.txt").symlink_to(folder / "nowhere")
    (folder / "outside.txt").symlink_to("/etc/hostname")
    (folder / NEWLINE).write_text("A file whose name has two lines.")
    (folder / EMOJI).write_text("# Rain\n\nA file whose name is a cloud.")
    (folder / "liar.txt").write_bytes(pdf([["A PDF that is called a text."]]))
    (folder / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    Path(os.fsdecode(os.fsencode(folder) + b"/" + UNDECODABLE)).write_text("bytes")
    (folder / "good.txt").write_text("An ordinary file.")
    return folder


def test_each_costs_itself_alone_and_says_why(open_index: Callable[..., HybridIndex], hostile: Path) -> None:
    with open_index(config=Config(max_file_mb=5)) as index, socket.socket(socket.AF_UNIX) as server:
        os.chdir(hostile)  # the path of a socket has 107 bytes at most
        server.bind("socket.txt")
        report = sync(hostile, index)
        failed, skipped = reasons(report)
        assert set(failed) == {
            "docs/bomb.docx", "docs/bomb.txt.gz", "docs/line.txt", "docs/deep.ipynb", "docs/cut.pdf",
            "docs/locked.pdf", "docs/scan.pdf", "docs/fifo.txt", "docs/socket.txt", "docs/loop", "docs/dangling.txt",
            "docs/caf\\udce9.txt",
        }  # fmt: skip
        assert set(skipped) == {"docs/empty.txt", "docs/nul.txt", "docs/picture.md", "docs/outside.txt"}
        assert all(len(reason) < 250 and "\n" not in reason and "Error" not in reason for reason in failed.values())
        for source, says in {
            "docs/bomb.docx": "unpacks to more than",
            "docs/bomb.txt.gz": "unpacks to more than",
            "docs/line.txt": "max_file_mb",
            "docs/locked.pdf": "encrypted",
            "docs/scan.pdf": "ocr_command",
            "docs/fifo.txt": "FIFO",
            "docs/caf\\udce9.txt": "rename it",
        }.items():
            assert says in failed[source]
        assert {record.source for record in index.documents() if record.content_hash} == {
            "docs/good.txt", "docs/liar.txt", "docs/deep.html", "docs/deep.json", "docs/folder.pdf/inside.txt",
            f"docs/{NEWLINE}", f"docs/{EMOJI}",
        }  # fmt: skip
        assert index.search("buried treasure", 1)[0].source == "docs/deep.html"
        assert index.search("a PDF called a text", 1)[0].source == "docs/liar.txt"
        again = sync(hostile, index)
        assert (again.added, again.tokens_embedded) == (0, 0)
        assert again.failed == report.failed


def reasons(report: SyncReport) -> tuple[dict[str, str], dict[str, str]]:
    json.dumps(report.as_dict())
    return dict(report.failed), dict(report.skipped)
