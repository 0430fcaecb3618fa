"""Opening, healing, locking and refusing: what an index directory is worth after whatever happened to it."""

import shutil
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.chroma.store import Store
from retrieval.config import Config, Mode
from retrieval.errors import (
    ConfigError,
    DocumentError,
    IndexDamagedError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    QueryError,
)
from retrieval.writer.writer import Writer

Open = Callable[..., HybridIndex]

DOCUMENTS = [
    Document("rain", "Rain falls when vapour condenses.\n\n" * 3, metadata={"team": "weather"}),
    Document("bread", "Bread rises because yeast eats sugar.", metadata={"team": "kitchen"}),
]


def contents(index: HybridIndex) -> dict[str, tuple]:
    """All that can be told of an index from outside, by chunk id."""
    told: dict[str, tuple] = {}
    queries = ["rain vapour", "yeast sugar", "paragraph"]
    for number, hits in enumerate(index.search_batch(queries, 10_000)):
        for hit in hits:
            place = (
                hit.source,
                hit.text,
                hit.char_start,
                hit.line_start,
                hit.line_end,
                hit.page,
                hit.headings,
                hit.title,
            )
            told.setdefault(hit.id, (*place, tuple(sorted(hit.metadata.items())), []))[-1].extend(
                [number, hit.dense_score, hit.lexical_score]
            )
    return told


def assert_same(one: dict[str, tuple], other: dict[str, tuple]) -> None:
    """Equal, but for what a batch of other lengths does to the last digits of a vector."""
    assert {id_: told[:-1] for id_, told in one.items()} == {id_: told[:-1] for id_, told in other.items()}
    for id_, told in one.items():
        np.testing.assert_allclose(told[-1], other[id_][-1], atol=1e-5)


def test_what_was_added_is_there_after_reopening(open_index: Open) -> None:
    with open_index() as index:
        report = add(DOCUMENTS, index)
        assert (report.added, report.failed, report.truncated) == (2, (), 0)
        before = contents(index)
        assert before
    with open_index(read_only=True) as index:
        assert contents(index) == before
        assert [record.source for record in index.documents()] == ["bread", "rain"]
        assert {record.status for record in index.documents()} == {"ready"}


def test_adding_the_same_again_embeds_nothing_and_writes_nothing(open_index: Open, tmp_path: Path) -> None:
    def stamps() -> dict[str, int]:
        return {
            str(path): path.stat().st_mtime_ns
            for path in (tmp_path / "index").rglob("*")
            if path.is_file() and not path.name.startswith("writer")
        }

    with open_index() as index:
        add(DOCUMENTS, index)
    before = stamps()
    with open_index() as index:
        report = add(DOCUMENTS, index)
    assert (report.unchanged, report.tokens_embedded, report.chunks_added, report.chunks_reused) == (2, 0, 0, 0)
    assert stamps() == before


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_a_list_is_searched_for_its_members(open_index: Open, mode: Mode) -> None:
    def found(member: object, operator: str = "$contains") -> list[str]:
        hits = index.search("paragraphs", 9, mode=mode, where={"tags": {operator: member}})
        return sorted({hit.source for hit in hits})

    documents = [
        Document("a", "Some paragraphs.", metadata={"tags": ["new", "old"]}),
        Document("b", "More paragraphs.", metadata={"tags": ("old",)}),
        Document("c", "Other paragraphs.", metadata={"tags": [1, 2]}),
        Document("d", "No paragraphs.", metadata={"tags": "old"}),
        Document("e", "All paragraphs."),
    ]
    with open_index() as index:
        add(documents, index)
        assert (found("old"), found("new"), found(2), found("none")) == (["a", "b"], ["a"], ["c"], [])
        assert found("old", "$not_contains") == ["c", "d", "e"]
        assert index.search("some", 1, where={"source": "a"})[0].metadata == {"tags": ["new", "old"]}
        assert add(documents, index).unchanged == 5
        update = add([replace(documents[0], metadata={"tags": ["new"]})], index)
        assert (update.updated, update.tokens_embedded) == (1, 0)
        assert (found("old"), found("new")) == (["b"], ["a"])
    with open_index(read_only=True) as index:
        assert (found("old"), found("new")) == (["b"], ["a"])


_sources = st.sampled_from(["a", "b", "c"])
_texts = st.sampled_from(["", "rain", "yeast and sugar", "A paragraph.\n\n" * 30, "# T\n\nrain\n\n## U\n\nvapour"])
_steps = st.lists(
    st.one_of(
        st.builds(
            lambda s, t, m: ("add", Document(s, t, metadata=m)),
            _sources,
            _texts,
            st.sampled_from([{}, {"k": 1}, {"k": 2}, {"k": True}, {"k": ["a", "b"]}, {"k": ["b"]}, {"k": [1]}]),
        ),
        st.builds(lambda s: ("delete", s), _sources),
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps, reopen=st.booleans())
def test_any_history_ends_in_the_index_that_is_built_afresh(open_index: Open, steps: list, reopen: bool) -> None:
    name = uuid.uuid4().hex
    left = {"first": Document("first", "The first paragraph.")}
    index = open_index(name)
    add(left.values(), index)
    for kind, what in steps:
        if kind == "add":
            add([what], index)
            if what.text:  # else it is refused, and what it was before stays
                left[what.source] = what
        else:
            deleted = index.delete([what])
            assert deleted.documents == (what in left)
            left.pop(what, None)
        if reopen:
            index.close()
            index = open_index(name)
    with open_index(f"{name}-fresh") as fresh:
        add(left.values(), fresh)
        assert_same(contents(index), contents(fresh))
        assert [record.source for record in index.documents()] == sorted(left)
        for where in ({"k": 1}, {"k": True}, *({"k": {"$contains": member}} for member in ("a", "b", 1))):
            passing = [{hit.id for hit in each.search("paragraph", 10_000, where=where)} for each in (index, fresh)]
            assert passing[0] == passing[1]
    index.close()


def _remove_segments(path: Path) -> None:
    shutil.rmtree(path / "segments")


def _remove_generations(path: Path) -> None:
    shutil.rmtree(path / "generations")


def _remove_one_file(path: Path) -> None:
    next(path.glob("segments/*.segment")).unlink()


def _cut_one_file(path: Path) -> None:
    file = next(path.glob("segments/*.segment"))
    file.write_bytes(file.read_bytes()[:-5])


def _remove_what_is_deleted(path: Path) -> None:
    next(path.glob("segments/*.deletions")).unlink()


def _flip_a_bit(path: Path) -> None:
    file = max(path.glob("segments/*.segment"), key=lambda file: file.stat().st_size)
    data = bytearray(file.read_bytes())
    data[data.index(b"vapour")] ^= 1
    file.write_bytes(data)


def _flip_a_bit_of_what_is_deleted(path: Path) -> None:
    file = next(path.glob("segments/*.deletions"))
    data = bytearray(file.read_bytes())
    data[64] ^= 128
    file.write_bytes(data)


def _write_rubbish(path: Path) -> None:
    next(path.glob("generations/*.json")).write_text("{")


DAMAGES = [
    _remove_segments, _remove_generations, _remove_one_file, _cut_one_file, _remove_what_is_deleted, _flip_a_bit,
    _flip_a_bit_of_what_is_deleted, _write_rubbish,
]  # fmt: skip


def test_a_damaged_cache_heals_itself_on_open(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add([*DOCUMENTS, Document("late", "A paragraph that is deleted."), Document("kept", "A paragraph.")], index)
        index.delete(["late"])
        before = contents(index)
    for damage in DAMAGES:
        damage(shutil.copytree(tmp_path / "index", tmp_path / damage.__name__))
        with open_index(damage.__name__, read_only=True) as index:
            assert contents(index) == before, damage.__name__


@pytest.mark.slow
def test_a_pointer_that_is_lost_is_an_error_that_names_the_way_out(open_index: Open, tmp_path: Path) -> None:
    from ingest.doctor import examine

    with open_index() as index:
        add(DOCUMENTS, index)
        before = contents(index)
    (tmp_path / "index" / "retrieval-index.json").unlink()
    with pytest.raises(IndexDamagedError, match="doctor --repair"):
        open_index()
    assert [finding.mended for finding in examine(tmp_path / "index")] == [False]
    assert all(finding.mended for finding in examine(tmp_path / "index", repair=True))
    assert examine(tmp_path / "index") == []
    with open_index(read_only=True) as index:
        assert contents(index) == before


@pytest.mark.parametrize(
    "calls", [call if call == 5 else pytest.param(call, marks=pytest.mark.slow) for call in range(12)]
)
def test_dying_at_any_call_to_chroma_leaves_a_whole_index(
    open_index: Open, monkeypatch: pytest.MonkeyPatch, store_writes: tuple[str, ...], calls: int
) -> None:
    """Whatever was committed is there, nothing half is, and doing it again gives what an undisturbed run gives."""
    changed = [
        Document("rain", "Rain falls when vapour condenses.\n\nAnd then it stops.", metadata={"team": "weather"}),
        Document("new", "Something new about paragraphs."),
    ]
    with open_index("undisturbed") as index:
        add(DOCUMENTS, index)
        old = contents(index)
        add(changed, index)
        index.delete(["bread"])
        new = contents(index)

    index = open_index()
    add(DOCUMENTS, index)
    left = calls

    class Died(Exception):
        pass

    def mortal(name: str) -> Callable[..., object]:
        method = getattr(Store, name)

        def call(store: Store, *arguments: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise Died
            return method(store, *arguments)

        return call

    with monkeypatch.context() as patch:
        for name in store_writes:
            patch.setattr(Store, name, mortal(name))
        try:
            add(changed, index)
            index.delete(["bread"])
        except Died:
            pass
    index.close()

    with open_index(read_only=True) as index:
        between = contents(index)
        for source in ("rain", "bread", "new"):
            seen, before, after = (
                {id_ for id_, told in state.items() if told[0] == source} for state in (between, old, new)
            )
            assert seen in (before, after), f"{source} is neither the old nor the new version"
    with open_index() as index:
        add(changed, index)
        index.delete(["bread"])
        assert_same(contents(index), new)
    from ingest.doctor import examine

    assert examine(index.path) == []


def test_one_writer_at_a_time_and_readers_go_on(open_index: Open) -> None:
    with open_index() as index:
        add(DOCUMENTS[:1], index)
    with open_index() as writer, open_index() as second, open_index(read_only=True) as reader:
        before = contents(reader)
        with writer.writing():
            with pytest.raises(IndexLockedError, match=r"process \d+"):
                add(DOCUMENTS[1:], second)
            assert contents(second) == contents(reader) == before
            with open_index(read_only=True) as latecomer:
                assert contents(latecomer) == before
        add(DOCUMENTS[1:], writer)
        assert set(contents(reader)) > set(before)


def test_read_only_means_it(open_index: Open, tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError, match="ingest sync"):
        open_index(read_only=True)
    assert not (tmp_path / "index").exists()
    with open_index() as index:
        add(DOCUMENTS, index)
    with open_index(read_only=True) as index, pytest.raises(ConfigError, match="read-only"):
        index.delete(["rain"])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("query_prefix", "q: "),
        ("passage_prefix", ""),
        ("chunk_size", 128),
        ("language", "none"),
        ("context_header", False),
    ],
)
def test_other_settings_are_refused_by_name(open_index: Open, setting: str, value: object) -> None:
    with open_index() as index:
        add(DOCUMENTS, index)
    with pytest.raises(IndexMismatchError, match=setting):
        open_index(config=Config(**{setting: value}))


def test_consent_to_run_a_models_code_is_not_remembered(open_index: Open) -> None:
    with open_index(config=Config(trust_remote_code=True)) as index:
        add(DOCUMENTS, index)
    with open_index() as index:
        assert not index.config.trust_remote_code


def test_settings_are_remembered_and_those_of_a_search_may_change(open_index: Open) -> None:
    with open_index(config=Config(chunk_size=64, language="none")) as index:
        add(DOCUMENTS, index)
    with open_index() as index:
        assert (index.config.chunk_size, index.config.language) == (64, "none")
    with open_index(config=Config(chunk_size=64, language="none", alpha=0.2, bm25_k1=0.9)) as index:
        assert index.search("rain")


def test_deleting_says_what_there_really_was(open_index: Open) -> None:
    with open_index() as index:
        add(DOCUMENTS, index)
        assert index.delete(["bread", "no such"]) == (1, 1)
        assert index.delete(["bread"]) == (0, 0)
        assert index.delete(where={"team": "kitchen"}) == (0, 0)
        assert index.delete(where={"team": "weather"}).documents == 1
        add([Document("notes/a", "a"), Document("notes/b", "b"), Document("notes-not", "c")], index)
        assert index.delete(["notes/"]).documents == 2
        assert index.delete(["notes-not"]).documents == 1
        assert index.documents() == ()
        for wrong in ({}, {"sources": ["a"], "where": {"a": 1}}, {"sources": "a"}):
            with pytest.raises(QueryError):
                index.delete(**wrong)


def test_threads_that_write_wait_for_one_another(open_index: Open) -> None:
    with open_index() as index:
        add(DOCUMENTS, index)
        groups = [[Document(f"{thread}/{n}", f"Text {n} of thread {thread}.") for n in range(4)] for thread in "abc"]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda group: add(group, index), groups))
        assert len(index.documents()) == len(DOCUMENTS) + 12
        assert len(index.search("text thread", 100, mode="lexical")) == 12
    with open_index() as index:
        assert index.delete(["a/0"]).documents == 1, "a lock taken in another thread was released"


@pytest.mark.parametrize(
    "method",
    [
        "put_records",
        *(pytest.param(m, marks=pytest.mark.slow) for m in ("delete_chunks", "update_records", "put_chunks")),
    ],
)
def test_an_interruption_in_the_middle_of_a_change_is_not_taken_for_its_end(
    open_index: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def interrupted(store: Store, *arguments: object) -> None:
        real(store, *arguments)
        raise KeyboardInterrupt

    with open_index() as index:
        add([Document("memo", "The old version of the memo.")], index)
        real = getattr(Store, method)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Store, method, interrupted)
            add([Document("memo", "The new version, which differs.")], index)
    old, new = [("The old version of the memo.", "memo")], [("The new version, which differs.", "memo")]

    def told(index: HybridIndex) -> list[tuple[str, str]]:
        return [(hit.text, hit.source) for hit in index.search("version", 10)]

    with open_index(read_only=True) as index:
        assert told(index) == old, "a reader goes on with what was committed"
    shutil.copytree(tmp_path / "index", tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "segments")
    for name in ("index", "copy"):  # the next writer recovers, and a reader that has no generation to show
        with open_index("copy", read_only=True) as index:
            assert told(index) in (old, new)
        with open_index(name) as index:
            with index.writing() as writer:
                writer.commit()
            assert told(index) in (old, new)
            add([Document("memo", "The new version, which differs.")], index)
            assert told(index) == new


def test_an_index_opened_before_it_was_made_sees_what_made_it(open_index: Open) -> None:
    with open_index() as early, open_index(config=Config(language="none", chunk_size=64)) as maker:
        assert early.search("rain") == []
        add(DOCUMENTS, maker)
        with pytest.raises(IndexMismatchError, match="chunk_size"):
            early.search("rain")
        maker.close()
        with pytest.raises(IndexMismatchError, match="chunk_size"):
            add([Document("late", "text")], early)


@pytest.mark.slow
def test_what_cannot_be_healed_is_said_each_time_and_locks_nothing(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add(DOCUMENTS, index)
    path = tmp_path / "index"
    reader = open_index(read_only=True)
    _remove_segments(path)
    database = next(path.glob("chroma*/chroma.sqlite3"))
    content = database.read_bytes()
    database.write_bytes(b"no database")
    for _ in range(2):
        with pytest.raises(IndexDamagedError, match="doctor --repair"):
            open_index(read_only=True)
    assert reader.search("rain", mode="lexical"), "who has a generation open goes on reading it"
    database.write_bytes(content)
    assert open_index(read_only=True).search("rain", mode="lexical")


def test_a_chroma_that_was_removed_does_not_empty_the_search_files(open_index: Open, tmp_path: Path) -> None:
    from ingest.doctor import examine

    path = tmp_path / "index"
    with open_index() as index:
        add(DOCUMENTS, index)
        before = contents(index)
    shutil.rmtree(path / "chroma")
    for _ in range(2):
        with open_index() as index, pytest.raises(IndexDamagedError, match=r"has no Chroma database.*ingest doctor"):
            add([Document("late", "text")], index)
        assert [finding.mended for finding in examine(path)] == [False]
    with open_index(read_only=True) as index:
        assert contents(index) == before
    assert [finding.mended for finding in examine(path, repair=True)] == [True]
    assert examine(path) == []
    with open_index() as index:
        assert_same(contents(index), before)
        assert add([Document("late", "text")], index).added == 1


@pytest.mark.slow
def test_doctor_restores_what_chroma_has_lost(open_index: Open, tmp_path: Path) -> None:
    from ingest.doctor import examine

    path = tmp_path / "index"
    with open_index() as index:
        add(DOCUMENTS, index)
        before = contents(index)
    with closing(Store.open(path / "chroma", Config())) as store:
        lost = next(record for record in store.records() if record.source == "bread")
        store.delete_chunks(lost.chunk_ids)
    assert [finding.mended for finding in examine(path)] == [False]
    assert all(finding.mended for finding in examine(path, repair=True))
    assert examine(path) == []
    with open_index() as index:
        assert_same(contents(index), before)


def test_readers_of_a_server_build_once_and_write_nothing(
    open_index: Open, server_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index("writer", config=server_config) as writer:
        add(DOCUMENTS, writer)
    with (
        open_index("one", config=server_config) as one,
        open_index("two", config=server_config) as two,
    ):
        calls: list[str] = []
        monkeypatch.setattr(Store, "set_state", lambda *_: calls.append("set_state"))
        monkeypatch.setattr(Store, "read_chunks", lambda *_: calls.append("read_chunks") or iter(()))
        for _ in range(3):
            assert [hit.id for hit in one.search("rain", mode="lexical")] == [
                hit.id for hit in two.search("rain", mode="lexical")
            ]
        assert calls == []


def test_an_error_between_two_documents_costs_only_the_one(open_index: Open) -> None:
    odd = Document("odd", "what?", syntax="klingon")
    with open_index() as index:
        report = add([DOCUMENTS[0], odd, DOCUMENTS[1]], index)
        assert (report.added, [failure.source for failure in report.failed]) == (2, ["odd"])
        assert "odd" not in {record.source for record in index.documents()}, "the report says it; nothing is left"
        (again,) = add([replace(DOCUMENTS[0], syntax="klingon")], index).failed
        assert {record.source: record.status for record in index.documents()}[again.source] == "failed"


def test_a_document_without_text_is_reported_and_the_one_before_stays(open_index: Open) -> None:
    with open_index() as index:
        report = add([DOCUMENTS[0], Document("blank", " \n\u200b")], index)
        assert (report.added, [failure.source for failure in report.failed]) == (1, ["blank"])
        assert "text is empty" in report.failed[0].reason
        assert [record.source for record in index.documents()] == [DOCUMENTS[0].source]
        assert add([replace(DOCUMENTS[0], text="")], index).failed
        assert index.stats().documents == 1


def test_a_source_given_twice_is_refused_before_anything_is_written(open_index: Open) -> None:
    with open_index() as index:
        with pytest.raises(DocumentError, match="'a'"):
            add([Document("a", "x"), Document("b", "y"), Document("a", "z")], index)
        assert index.documents() == ()


def test_equal_text_is_embedded_once_wherever_it_stands(open_index: Open) -> None:
    text = "The same text in several places."
    with open_index() as index:
        first = add([Document("a", text), Document("b", text)], index)
        later = add([Document("c", text)], index)
        assert first.tokens_embedded > 0
        assert first.chunks_reused == 1
        assert (later.chunks_added, later.chunks_reused, later.tokens_embedded) == (1, 1, 0)
        scores = [hit.dense_score for hit in index.search("same text", 3, collapse=False)]
        assert len(scores) == 3
        assert np.ptp(scores) < 1e-6


@pytest.mark.slow
def test_a_server_keeps_the_truth_and_the_directory_can_be_lost(open_index: Open, server_config: Config) -> None:
    with open_index("here", config=server_config) as here:
        add(DOCUMENTS, here)
        before = contents(here)
        with open_index("elsewhere", config=server_config, read_only=False) as elsewhere:
            assert contents(elsewhere) == before
            add([Document("late", "A late paragraph.")], here)
            after = contents(here)
            assert after != before
            deadline = time.monotonic() + 20
            while contents(elsewhere) == before and time.monotonic() < deadline:
                time.sleep(0.05)  # the server is asked in the background, once a second
            assert contents(elsewhere) == after
        with open_index("elsewhere", config=server_config) as elsewhere:
            add([Document("later", "A later paragraph.")], here)
            after = contents(here)
            with open_index("elsewhere", config=server_config) as latest:
                assert contents(latest) == after, "opening asks once, and waits for the answer"
    with pytest.raises(IndexMismatchError, match="Chroma at"):
        open_index("here", config=Config())


def test_a_long_write_is_searchable_before_it_ends(open_index: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.writer.writer._FIRST_COMMIT", 1)
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 1)
    seen: list[int] = []
    commit_when_due = Writer.commit_when_due

    with open_index() as index, open_index("index") as reader:

        def watched(writer: Writer) -> None:
            commit_when_due(writer)
            seen.append(reader.stats().chunks)

        monkeypatch.setattr(Writer, "commit_when_due", watched)
        add([Document(str(n), f"Document {n}.") for n in range(9)], index)
        assert seen == sorted(seen)
        assert 0 < seen[0] < seen[-1] <= 9
        assert reader.stats().chunks == 9
