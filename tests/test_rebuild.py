"""A rebuilt index: with other settings, without loss, and without anyone having to wait for it."""

import logging
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import add
from ingest.doctor import examine
from ingest.report import Progress
from retrieval import Document, HybridIndex
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.staging import adopt
from retrieval.errors import ConfigError, IndexLockedError, IndexMismatchError, IndexNotFoundError
from retrieval.search_hits import SearchHit
from retrieval.searcher_manager import SearcherManager
from retrieval.segments.reader import IndexReader
from retrieval.types import DocumentRecord
from tests.ingesting import rebuild, sync

Open = Callable[..., HybridIndex]

MEMO = Document(
    "memo",
    "# Boiler\n\nThe boiler was serviced.",
    metadata={"team": "house", "tags": ["warm", "wet"]},
    syntax="markdown",
)
OTHER = Config(language="none", chunk_size=64)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder and its index, which also has an added document."""
    top = tmp_path_factory.mktemp("made")
    (top / "docs").mkdir()
    for name in ("rain", "bread", "snow"):
        (top / "docs" / f"{name}.txt").write_text("\n\n".join(f"The {name} has {n} causes." for n in range(30)))
    with HybridIndex.open(top / "index") as index:
        sync(top / "docs", index)
        add([MEMO], index)
    (top / "docs").rename(top / "moved")
    return top


@pytest.fixture
def docs(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made / "moved", tmp_path / "docs")


@pytest.fixture
def index_path(open_index: Open, made: Path, docs: Path, tmp_path: Path) -> Path:
    """The same of its own for a test, closed."""
    shutil.copytree(made / "index", tmp_path / "index")
    with open_index() as index:
        assert sync(docs, index).unchanged == 3
    return tmp_path / "index"


def told(index: HybridIndex) -> list[tuple]:
    """Hits and records, in an order of their own."""
    hits = sorted(index.search("the causes of rain", 1000), key=lambda hit: hit.id)
    ledger = [(record.source, record.status, record.chunk_ids) for record in index.documents()]
    return [_place(hit) for hit in hits] + ledger


def _place(hit: SearchHit) -> tuple:
    return hit.id, hit.source, hit.text, hit.line_start, hit.metadata, hit.lexical_score, round(hit.dense_score or 0, 4)


def names(path: Path) -> set[str]:
    """What lies in an index, but for the digits in names."""
    return {entry.name.split("-")[0] for entry in path.iterdir()}


def test_other_settings_give_the_index_that_is_built_afresh(open_index: Open, docs: Path, index_path: Path) -> None:
    with pytest.raises(IndexMismatchError, match="ingest sync --rebuild"):
        open_index(config=OTHER)
    report = rebuild(index_path, docs, config=OTHER)
    assert (report.added, report.failed, report.interrupted) == (4, (), False)
    with open_index() as index, open_index("fresh", config=OTHER) as fresh:
        assert (index.config.language, index.config.chunk_size) == ("none", 64)
        sync(docs, fresh)
        add([MEMO], fresh)
        assert told(index) == told(fresh)
        assert sync(docs, index).unchanged == 3
        assert add([MEMO], index).unchanged == 1
        for mode in ("dense", "lexical"):
            [hit] = index.search("boiler", mode=mode, where={"tags": {"$contains": "wet"}})
            assert (hit.source, hit.metadata) == ("memo", MEMO.metadata)
    assert examine(index_path) == []
    assert names(index_path) == names(index_path.parent / "fresh")
    assert len(list(index_path.glob("generations/*"))) == len(list(index_path.glob("chroma*"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"language": "none"}, {"query_prefix": "q: "}])
def test_what_the_same_model_has_embedded_is_not_embedded_again(
    open_index: Open, index_path: Path, settings: dict[str, str]
) -> None:
    with open_index() as index:
        vectors = {hit.id for hit in index.search("rain", 1000, mode="dense")}
    report = rebuild(index_path, config=Config(**settings))
    assert (report.added, report.tokens_embedded) == (4, 0)
    with open_index() as index:
        made_with = {"query_prefix": "query: ", "passage_prefix": "passage: ", **settings}
        assert index.config.index_settings() == Config(**made_with).index_settings()
        assert {hit.id for hit in index.search("rain", 1000, mode="dense")} == vectors
        assert index.search("boiler", where={"team": "house"})[0].source == "memo"


@pytest.mark.slow
def test_another_passage_prefix_embeds_everything(index_path: Path) -> None:
    assert rebuild(index_path, config=Config(passage_prefix="text: ")).chunks_reused == 0


@pytest.mark.slow
def test_a_rebuilt_index_can_be_rebuilt(open_index: Open, docs: Path, index_path: Path) -> None:
    with open_index() as index:
        before = told(index)
    for config in (OTHER, Config()):
        rebuild(index_path, docs, config=config)
    assert rebuild(index_path).tokens_embedded == 0
    with open_index() as index:
        assert told(index) == before
    assert examine(index_path) == []


@pytest.mark.slow
def test_searches_go_on_and_writers_are_told(
    open_index: Open, docs: Path, index_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader, other = open_index(read_only=True), open_index()
    before = told(reader)
    seen: list[bool] = []

    def meanwhile(progress: Progress) -> None:
        with open_index(read_only=True) as latecomer:
            seen.append(told(reader) == before == told(latecomer))
        with pytest.raises(IndexLockedError, match=r"process \d+"):
            other.delete(["memo"])

    rebuild(index_path, docs, config=OTHER, on_progress=meanwhile)
    assert seen
    assert all(seen)
    with caplog.at_level(logging.WARNING, "retrieval"):
        for _ in range(3):
            assert told(reader) == before
        with open_index() as index:
            add([Document("late", "A late memo.")], index)
        assert told(reader) == before
    assert [record.message for record in caplog.records if "open it again" in record.message] != []
    assert len(caplog.records) == 1
    with pytest.raises(IndexMismatchError, match="chunk_size"):
        other.delete(["memo"])
    with open_index() as index:
        assert index.delete(["memo"]).documents == 1, "a writer that was refused kept the lock"


def test_opening_in_the_very_moment_of_the_swap_is_opening_after_it(
    open_index: Open, index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = SearcherManager.current

    def late(manager: SearcherManager) -> IndexReader:
        monkeypatch.setattr(SearcherManager, "current", current)
        rebuild(index_path, config=OTHER)
        return current(manager)

    monkeypatch.setattr(SearcherManager, "current", late)
    with open_index(read_only=True) as index:
        assert index.config.chunk_size == 64
        assert len(index.documents()) == 4


@pytest.mark.slow
def test_a_rebuilt_index_whose_pointer_is_lost_is_mended(open_index: Open, index_path: Path) -> None:
    rebuild(index_path, config=OTHER)
    with open_index() as index:
        before = told(index)
    (index_path / "retrieval-index.json").unlink()
    assert all(finding.mended for finding in examine(index_path, repair=True))
    with open_index() as index:
        assert told(index) == before
    assert examine(index_path) == []


@pytest.mark.slow
def test_the_named_folder_may_be_new_or_moved_and_the_others_keep_their_patterns(
    open_index: Open, docs: Path, index_path: Path, tmp_path: Path
) -> None:
    with open_index() as index:
        sync(docs, index, exclude=["bread*"])
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "tide.txt").write_text("The moon pulls.")
    (tmp_path / "new" / "draft.txt").write_text("Not yet.")
    rebuild(index_path, tmp_path / "new", exclude=["draft*"])
    docs.rename(tmp_path / "moved")
    rebuild(index_path, tmp_path / "moved", name="docs", include=["rain*"])
    with open_index() as index:
        assert [record.source for record in index.documents()] == ["docs/rain.txt", "memo", "new/tide.txt"]
        assert index.folders()["docs"].path == str(tmp_path / "moved")
    (tmp_path / "elsewhere" / "docs").mkdir(parents=True)
    with pytest.raises(ConfigError, match="--name"):
        rebuild(index_path, tmp_path / "elsewhere" / "docs")


def test_what_cannot_be_had_again_is_refused_before_anything_is_done(
    open_index: Open, docs: Path, index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index() as index:
        before = told(index)
    docs.rename(docs.with_name("gone"))
    with pytest.raises(ConfigError, match=r"'docs'.*ingest delete docs/"):
        rebuild(index_path, config=OTHER)
    docs.with_name("gone").rename(docs)
    with monkeypatch.context() as patch:
        patch.setattr(IndexReader, "content", lambda reader, document: "")
        with pytest.raises(ConfigError, match=r"'memo'.*ingest delete memo"):
            rebuild(index_path, config=OTHER)
    with pytest.raises(ConfigError, match="chroma_database"):
        rebuild(index_path, config=Config(chroma_host="127.0.0.1"))
    with pytest.raises(IndexNotFoundError, match="ingest sync"):
        rebuild(index_path.with_name("nothing"), docs)
    with open_index() as index:
        assert told(index) == before
    assert not list(index_path.glob("rebuild-*"))


@pytest.mark.slow
def test_damaged_search_files_do_not_matter(open_index: Open, index_path: Path) -> None:
    for segment in index_path.glob("segments/*.segment"):
        segment.write_bytes(segment.read_bytes()[:-7])
    assert rebuild(index_path, config=OTHER).added == 4
    assert examine(index_path) == []


@pytest.mark.slow
def test_documents_that_never_were_indexed_stay_known(open_index: Open, index_path: Path) -> None:
    with open_index() as index, index.writing() as writer:  # as an older version did
        writer.update_records([replace(DocumentRecord.begun("odd"), status="failed", reason="it is odd")])
    report = rebuild(index_path, config=OTHER)
    assert [failure.source for failure in report.failed] == ["odd"]
    with open_index() as index:
        assert {record.source: record.status for record in index.documents()}["odd"] == "failed"


@pytest.mark.slow
def test_an_index_without_documents_takes_up_the_settings(open_index: Open, index_path: Path) -> None:
    with open_index() as index:
        index.delete(["docs/", "memo"])
    assert rebuild(index_path, config=OTHER).added == 0
    with open_index() as index:
        assert index.config.chunk_size == 64
        add([MEMO], index)
    assert examine(index_path) == []


class _Died(BaseException):
    pass


@pytest.mark.slow
def test_dying_at_any_step_of_the_swap_leaves_one_index_or_the_other(
    open_index: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [MEMO, Document("rain", "Rain has causes."), Document("snow", "Snow has effects.\n\n" * 30)]
    with open_index("before") as before, open_index("fresh", config=OTHER) as fresh:
        for index in (before, fresh):
            add(documents, index)
        old, new = told(before), told(fresh)
    steps = 0
    while _dies_in_the_swap(shutil.copytree(tmp_path / "before", tmp_path / f"{steps}"), monkeypatch, after=steps):
        path = tmp_path / f"{steps}"
        with open_index(path.name, read_only=True) as index:
            assert told(index) == (old if index.config.chunk_size == "auto" else new)
        assert all("left of an interrupted " in finding.what for finding in examine(path))
        rebuild(path, config=OTHER)
        with open_index(path.name) as index:
            assert told(index) == new
            index.delete(["rain"])
        assert names(path) == names(tmp_path / "fresh")
        assert len(list(path.glob("generations/*"))) == len(list(path.glob("chroma*"))) == 1
        steps += 1
    assert steps > 5


def _dies_in_the_swap(path: Path, monkeypatch: pytest.MonkeyPatch, *, after: int) -> bool:
    """Whether a rebuild was not finished after so many changes to what lies on disk."""
    is_swapping = False

    def mortal(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **keywords: object) -> object:
            nonlocal after
            after -= is_swapping
            if after < 0:
                raise _Died
            return function(*arguments, **keywords)

        return call

    def adopting(*arguments: IndexDirectory) -> None:
        nonlocal is_swapping
        is_swapping = True
        adopt(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("ingest.rebuild.adopt", adopting)
        for name in ("rename", "replace"):
            patch.setattr(Path, name, mortal(getattr(Path, name)))
        patch.setattr(shutil, "rmtree", mortal(shutil.rmtree))
        try:
            rebuild(path, config=OTHER)
        except _Died:
            return True
    return False


KILLED = """
import os, signal, sys
from ingest.rebuild import rebuild
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.chroma.store import Store

def mortal(kind, name):
    method = getattr(kind, name)
    def call(self, *arguments, **keywords):
        if kind is Store or str(self.path) == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(self, *arguments, **keywords)
    setattr(kind, name, call)

mortal(Store if sys.argv[2] == "put_chunks" else IndexDirectory, sys.argv[2])
rebuild(sys.argv[1], config=Config(language="none", chunk_size=64))
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["put_chunks", "write_pointer", "remove_leftovers"])
def test_killed_with_sigkill_it_is_one_index_or_the_other(open_index: Open, index_path: Path, moment: str) -> None:
    with open_index() as index:
        old = told(index)
    done = subprocess.run([sys.executable, "-c", KILLED, str(index_path), moment], check=False)
    assert done.returncode == -signal.SIGKILL
    with open_index(read_only=True) as index:
        assert (told(index) == old) == (moment != "remove_leftovers")
        assert len(index.documents()) == 4
    rebuild(index_path, config=OTHER)
    with open_index() as index:
        assert (len(index.documents()), index.config.chunk_size) == (4, 64)
    assert examine(index_path) == []
    assert len(list(index_path.glob("generations/*"))) == len(list(index_path.glob("chroma*"))) == 1


@pytest.mark.slow
def test_what_was_interrupted_goes_on_where_it_was(
    open_index: Open, docs: Path, index_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 1)
    with open_index() as index:
        before = told(index)
    whole = shutil.copytree(index_path, tmp_path / "copy")
    total = rebuild(whole, config=OTHER).tokens_embedded
    stop = threading.Event()

    def stop_later(progress: Progress) -> None:
        if progress.tokens:
            stop.set()

    first = rebuild(index_path, config=OTHER, stop=stop, on_progress=stop_later)
    assert first.interrupted
    with open_index() as index:
        assert told(index) == before
        index.delete(["memo"])
    then = rebuild(index_path, config=OTHER)
    assert not then.interrupted
    assert first.tokens_embedded > 0
    assert then.tokens_embedded + first.tokens_embedded <= total
    with open_index() as index, open_index("fresh", config=OTHER) as fresh:
        sync(docs, fresh)
        assert told(index) == told(fresh), "a document that was deleted meanwhile came back"
    assert not list(index_path.glob("rebuild-*"))


def test_what_was_interrupted_with_other_settings_is_not_gone_on_with(
    open_index: Open, index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(store: Store, *arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "put_chunks", interrupted)
        rebuild(index_path, config=OTHER)
    assert len(list(index_path.glob("rebuild-*"))) == 1
    with open_index() as index:
        before = told(index)
    rebuild(index_path, config=Config())
    assert not list(index_path.glob("rebuild-*"))
    with open_index() as index:
        assert told(index) == before


def test_vectors_are_lent_only_by_the_same_model(open_index: Open) -> None:
    with open_index() as lender, open_index("other", config=Config(language="none")) as index:
        add([MEMO], lender)
        reader = lender.searcher().reader
        assert reader.fingerprint is not None
        for part in ("weights", "pooling", "tokenizer"):
            assert not replace(reader.fingerprint, **{part: "other"}).embeds_like(reader.fingerprint)
        index.borrow_vectors(reader)
        assert add([MEMO], index).tokens_embedded == 0
        assert index.search("boiler", 1)[0].dense_score == lender.search("boiler", 1)[0].dense_score
