"""The folder that comes with the repository: read whole, and the demo's questions are answered from the right file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.encoders import Embedder
from retrieval.index import HybridIndex
from tests.ingesting import sync

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parent.parent
FOLDER = REPOSITORY / "demo" / "workshop"
ASKED_BY_MAKE = {
    "How long is a repair guaranteed?": ("policies/guarantee.pdf", "twelve months"),
    "Why did the brake of the cargo bike squeal?": ("mail/cargo-bike-brakes.eml", "piston seal"),
    "Wie oft soll ich die Kette ölen?": ("guides/kettenpflege.md", "alle 200 Kilometer"),
}
OTHERS = {
    "when is the counter open on a Thursday?": ("handbook/meeting-february.txt", "opens at 11"),
    "what happens if a rented bike is stolen?": ("policies/rental-terms.docx", "150 euros"),
    "how do I work out the length of a spoke?": ("tools/spoke_length.py", "rim"),
    "¿cómo encuentro el agujero de la cámara?": ("guides/pinchazo.html", "burbujas"),
    "pourquoi les pneus ont-ils du retard ?": ("mail/pneus-en-retard.eml", "bloqué"),
    "tightening torque of the cassette lock ring": ("tools/torque.yaml", "lock ring: 40"),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("demo") / "index") as opened:
        report = sync(FOLDER, opened)
        assert (report.failed, report.skipped, report.notices) == ((), (), ())
        assert report.added >= 20
        yield opened


@pytest.mark.parametrize("question", [*ASKED_BY_MAKE, *OTHERS])
def test_a_question_is_answered_first_from_the_right_file(index: HybridIndex, question: str) -> None:
    source, answer = {**ASKED_BY_MAKE, **OTHERS}[question]
    hits = index.search(question, top_k=1)
    assert hits.has_relevant
    assert hits[0].source == f"workshop/{source}"
    assert answer in hits[0].text.replace("\n", " ")
    assert hits[0].citation().startswith(hits[0].source)


def test_make_asks_these_questions() -> None:
    recipe = (REPOSITORY / "Makefile").read_text("utf-8").partition("\ndemo:")[2].partition("\nserve:")[0]
    asked = re.findall(r'retrieve search "([^"$]+)"', recipe)
    assert asked == list(ASKED_BY_MAKE)


def test_the_folder_is_small_and_has_many_formats() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000
    assert len({path.suffix for path in files}) >= 10
