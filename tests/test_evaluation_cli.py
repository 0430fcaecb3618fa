"""`retrieve evaluate` and `retrieve tune` as a user meets them, in this process with the shared model."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import add
from retrieval import console
from retrieval.cli import app
from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.evaluation import read_run
from retrieval.index import HybridIndex
from retrieval.types import Document
from tests.ingesting import POOL

DOCUMENTS = {
    "rain.md": "# Rain\n\nRain falls when water vapour condenses into droplets.",
    "bread and butter.md": "# Bread\n\nYeast eats sugar and breathes out gas, so the dough rises.",
    "engines.txt": "An engine burns fuel in its cylinders and turns a crankshaft.",
    "sub/sleep.txt": "Cats sleep most of the day and hunt at dusk.",
}
QUERIES = {
    "q1": "why does water fall from the sky?",
    "q2": "what makes dough rise?",
    "q3": "how does a motor turn?",
    "q4": "when do cats hunt?",
}
RELEVANT = {"q1": "rain.md", "q2": "docs/bread and butter.md", "q3": "docs/engines.txt", "q4": "sub/sleep.txt"}


class Done:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def retrieve(
    tmp_path: Path, share_model: Embedder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Runs `retrieve` in a directory that has a judged folder, docs/, and what was asked of it, within and without."""
    for name, text in DOCUMENTS.items():
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text(text)
    (tmp_path / "docs" / "[queries].tsv").write_text("".join(f"{key}\t{text}\n" for key, text in QUERIES.items()))
    (tmp_path / "qrels.txt").write_text("".join(f"{key}\t0\t{name}\t1\n" for key, name in RELEVANT.items()))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as exit_:
            console.run(app, ["retrieve", *arguments], pool=POOL)
        captured = capsys.readouterr()
        return Done(int(exit_.value.code or 0), captured.out, captured.err)

    return run


FOLDER = ("docs", "--queries", "docs/[queries].tsv", "--qrels", "qrels.txt")


@pytest.mark.slow
def test_a_folder_and_its_judgements_are_evaluated(retrieve: Callable[..., Done], tmp_path: Path) -> None:
    done = retrieve("evaluate", *FOLDER, "--json", "--run", "runs", "--plot", "picture.svg", "--index", "kept")
    assert (done.code, "warning" in done.err) == (0, False)
    found = json.loads(done.out)
    assert (found["documents"], found["queries"], found["missing"]) == (4, 4, [])  # the queries are no document
    assert list(found["means"]) == ["lexical", "dense", "hybrid"]
    assert list(found["means"]["hybrid"]) == ["nDCG@10", "RR@10", "R@100", "AP"]
    assert found["means"]["dense"]["R@100"] == 1
    for mode, means in found["means"].items():
        for measure, mean in means.items():
            values = found["per_query"][mode][measure]
            assert list(values) == list(QUERIES)
            assert mean == pytest.approx(sum(values.values()) / 4)
    against = {(one["against"], one["measure"]) for one in found["comparisons"]}
    assert len(against) == len(found["comparisons"]) == 8

    qrels = {query: {f"docs/{name.removeprefix('docs/')}": 1} for query, name in RELEVANT.items()}
    run = read_run(tmp_path / "runs" / "hybrid.run", qrels)
    assert set(run["q2"]) <= {f"docs/{name}" for name in DOCUMENTS}
    assert all(len(line.split()) == 6 for line in (tmp_path / "runs" / "hybrid.run").read_text().splitlines())
    assert "q2 0 docs/bread%20and%20butter.md 1\n" in (tmp_path / "runs" / "qrels.txt").read_text()
    per_query = (tmp_path / "runs" / "per-query.tsv").read_text().splitlines()
    assert len(per_query) == 1 + 4 * 3 * 4
    assert per_query[1].split("\t")[:2] == ["q1", "lexical"]
    assert "docs: 4 documents, 4 queries" in (tmp_path / "picture.svg").read_text()

    again = retrieve("evaluate", *FOLDER, "--index", "kept", "--baseline", "runs/hybrid.run", "--test", "t", "--json")
    assert again.code == 0
    repeated = json.loads(again.out)
    assert repeated["means"]["baseline"] == repeated["means"]["hybrid"] == found["means"]["hybrid"]
    (compared,) = (
        one for one in repeated["comparisons"] if (one["against"], one["measure"]) == ("baseline", "nDCG@10")
    )
    assert (compared["difference"], compared["p_value"], compared["ties"], compared["test"]) == (0, 1, 4, "t")

    (tmp_path / "docs" / "new.md").write_text("Kittens sleep all day.\n")
    pointer = (tmp_path / "kept" / "retrieval-index.json").read_bytes()
    assert json.loads(retrieve("evaluate", *FOLDER, "--index", "kept", "--json").out)["documents"] == 4
    assert (tmp_path / "kept" / "retrieval-index.json").read_bytes() == pointer
    assert json.loads(retrieve("evaluate", *FOLDER, "--index", "kept", "--sync", "--json").out)["documents"] == 5
    assert retrieve("evaluate", *FOLDER, "--sync").code == 2


def test_a_figure_below_its_floor_fails(retrieve: Callable[..., Done]) -> None:
    done = retrieve("evaluate", *FOLDER, "--fail-below", "nDCG@10=.5", "--fail-below", "P@1=0.2")
    assert (done.code, done.err.count("failed")) == (0, 0), done.err
    done = retrieve("evaluate", *FOLDER, "--fail-below", "P@2=.9", "--json")
    assert done.code == 1
    assert "failed: hybrid P@2 is 0.5000, below 0.9." in done.err
    assert json.loads(done.out)["means"]["hybrid"]["P@2"] == 0.5


@pytest.mark.parametrize("given", ["nDCG@10", "nDCG@10=high", "=.4", "nDCG@10=nan"])
def test_a_floor_that_is_none_is_refused_before_the_work(retrieve: Callable[..., Done], given: str) -> None:
    done = retrieve("evaluate", *FOLDER, "--fail-below", given)
    assert (done.code, done.err.count("write a measure and a figure, as nDCG@10=.4")) == (2, 1), done.err


def test_a_shallow_baseline_is_compared_with_as_shallow_answers(retrieve: Callable[..., Done], tmp_path: Path) -> None:
    first = {query: f"docs/{name.removeprefix('docs/')}".replace(" ", "%20") for query, name in RELEVANT.items()}
    (tmp_path / "short.run").write_text("".join(f"{query} Q0 {name} 1 1.0 x\n" for query, name in first.items()))
    done = retrieve(
        "evaluate", *FOLDER, "--baseline", "short.run", "--measures", "R@1000 NumRet", "--depth", "1000", "--json"
    )
    assert done.code == 0
    assert "warning: short.run has no more than 1 documents a query, so all runs are judged by their" in done.err
    means = json.loads(done.out)["means"]
    assert means["baseline"] == {"R@1000": 1, "NumRet": 4}
    assert means["dense"]["NumRet"] == means["hybrid"]["NumRet"] == 4


@pytest.mark.parametrize("source", ["memo", "docs/memo"])
def test_an_index_of_something_else_is_left_alone(
    retrieve: Callable[..., Done], tmp_path: Path, open_index: Callable[..., HybridIndex], source: str
) -> None:
    with open_index("kept") as index:
        add([Document(source, "Cats hunt at dusk.")], index)
    (tmp_path / "beir" / "qrels").mkdir(parents=True)
    (tmp_path / "beir" / "corpus.jsonl").write_text('{"_id": "d", "text": "Cats."}\n')
    (tmp_path / "beir" / "queries.jsonl").write_text('{"_id": "q", "text": "cats?"}\n')
    (tmp_path / "beir" / "qrels" / "test.tsv").write_text("q\td\t1\n")
    for collection in (FOLDER, ("beir",)):
        assert retrieve("evaluate", *collection, "--index", "kept").code == 2  # it has none of the judged documents
        done = retrieve("evaluate", *collection, "--index", "kept", "--sync")
        assert (done.code, done.out) == (2, "")
        assert f"kept holds documents that are not of {collection[0]}, such as {source}" in done.err
    with open_index("kept", read_only=True) as index:
        assert [record.source for record in index.documents()] == [source]


def test_judged_documents_that_are_missing_are_counted_and_named(
    retrieve: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRIEVAL_CHROMA_HOST", "localhost")
    monkeypatch.setenv("RETRIEVAL_CHROMA_PORT", "1")  # refuses, where it should not be asked
    with (tmp_path / "qrels.txt").open("a") as file:
        file.write("q1\t0\tgone.md\t1\n")
    done = retrieve("evaluate", *FOLDER, "--measures", "R@10,P@1")
    assert done.code == 0
    assert "warning: 1 of 5 judged documents are not in the index, such as gone.md" in done.err
    assert "docs: 4 documents, 4 queries" in done.out
    assert "P@1" in done.out
    assert "AP" not in done.out
    assert "lexical" in done.out and "better" in done.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "docs"], "given together with its queries and qrels"),
        (["evaluate", "docs", "--qrels", "qrels.txt"], "--queries and --qrels go together"),
        (["evaluate", *FOLDER, "--measures", "goodness"], "'goodness'"),
        (["evaluate", *FOLDER, "--measures", "R@1000"], "(`retrieve evaluate --depth 1000`)"),
        (["evaluate", *FOLDER, "--measures", "Accuracy@5"], "cannot compute Accuracy@5"),
        (["evaluate", *FOLDER, "--test", "sign"], "randomisation, t"),
        (["evaluate", *FOLDER, "--plot", "picture.gif"], ".svg"),
        (["evaluate", *FOLDER, "--baseline", "none.run"], "none.run"),
        (["tune", *FOLDER, "--folds", "3"], "4 judged queries are too few for 3 folds, which need 6"),
        (["tune", *FOLDER, "--output", "qrels.txt"], "qrels.txt exists"),
        (["tune", *FOLDER, "--output", "nowhere/tuned.yaml"], "nowhere is not a directory"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_nothing_is_indexed(
    retrieve: Callable[..., Done], tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = retrieve(*arguments, "--index", "untouched")
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "untouched").exists()


def test_judgements_of_another_folder_are_refused(retrieve: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "qrels.txt").write_text("q1 0 elsewhere.md 1\n")
    done = retrieve("evaluate", *FOLDER)
    assert (done.code, done.out) == (2, "")
    assert "None of the 1 judged documents, such as 'elsewhere.md', is in the index" in done.err


@pytest.mark.parametrize("package", ["ir_measures", "matplotlib"])
def test_what_is_not_installed_is_named_before_the_work(
    retrieve: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = retrieve("evaluate", *FOLDER, "--plot", "picture.png", "--index", "untouched")
    assert done.code == 2
    assert 'pip install "hybrid-retrieval[evaluate]"' in done.err
    assert not (tmp_path / "untouched").exists()


@pytest.mark.slow
def test_tuned_settings_are_written_where_asked_and_never_over_a_file(
    retrieve: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "present.yaml").write_text("chunk_size: 100\nalpha: 0.25\n")
    command = ("tune", *FOLDER, "--folds", "2", "--config", "present.yaml", "--output", "tuned.yaml")
    done = retrieve(*command, "--index", "kept")
    assert (done.code, "warning" in done.err) == (0, False)
    assert "docs: 4 queries, nDCG@10" in done.out
    assert "95% interval" in done.out
    assert "Wrote tuned.yaml." in done.out
    tuned = Config.load(tmp_path / "tuned.yaml")
    assert tuned.chunk_size == 100

    assert retrieve(*command, "--index", "kept").code == 2
    forced = retrieve(*command, "--index", "kept", "--force", "--json")
    assert forced.code == 0
    found = json.loads(forced.out)
    assert len(found["folds"]) == 2
    assert found["present"]["alpha"] == 0.25
    recommended = Config.load(tmp_path / "tuned.yaml").model_dump(include=set(found["recommended"]))
    assert recommended == found["recommended"]
