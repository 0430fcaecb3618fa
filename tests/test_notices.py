"""A document of which only a part could be read is indexed, and the report and the ledger say what is missing."""

from collections.abc import Callable
from dataclasses import replace

from ingest import add
from ingest.documents import document_from_json, document_to_json
from retrieval.index import HybridIndex
from retrieval.types import Document

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
