"""An index whose vectors come from a server: what it remembers, what it notices, and what an outage costs."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from ingest import add
from ingest.cli import app as ingest_app
from ingest.doctor import examine
from retrieval import Config, Document, HybridIndex, console
from retrieval.cli import app as retrieve_app
from retrieval.encoders import Embedder, EndpointEncoder
from retrieval.errors import IndexMismatchError, ModelError
from retrieval.fingerprint import Fingerprint
from tests.embedding_server import EmbeddingServer, Fault, embedding_server, of_words
from tests.ingesting import POOL, rebuild

KEY = "sk-12345-secret"
DOCUMENTS = [Document("mill", "The mill grinds flour."), Document("rain", "Rain falls from dark clouds.")]
DOWN = Fault(503, {"error": "restarting"}, {"Retry-After": "1000"})


def config_for(server: EmbeddingServer, **settings: object) -> Config:
    return Config(**{"model": "openai:words", "encoder_url": server.url, **settings})


@pytest.fixture
def path(tmp_path: Path, server: EmbeddingServer) -> Path:
    """An index made with its vectors, and with a key."""
    with HybridIndex.open(tmp_path / "index", config=config_for(server, encoder_api_key=KEY)) as index:
        assert add(DOCUMENTS, index).added == 2
    return tmp_path / "index"


def test_an_index_remembers_the_address_and_never_a_key(
    path: Path, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert not [file for file in path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    server.keys.clear()
    monkeypatch.setenv("RETRIEVAL_ENCODER_API_KEY", KEY)
    with HybridIndex.open(path, read_only=True) as index:
        assert index.search("flour of the mill")[0].source == "mill"
        assert KEY not in repr(index.stats())
        assert index.stats().limit_is_estimated
    assert server.texts[-1] == "query: flour of the mill"
    assert set(server.keys) == {None}, "the address may come from whoever made the index"
    monkeypatch.setenv("RETRIEVAL_ENCODER_URL", server.url)
    with HybridIndex.open(path, read_only=True) as index:
        index.search("mill")
    assert server.keys[-1] == f"Bearer {KEY}"


def test_another_model_under_the_same_name_is_noticed(path: Path, server: EmbeddingServer) -> None:
    server.embed = partial(of_words, salt="other")
    with HybridIndex.open(path) as index:
        with pytest.raises(IndexMismatchError, match=r"runs another model as openai:words .*cosine .*rebuild"):
            index.search("mill")
        with pytest.raises(IndexMismatchError, match="another model"):
            add([Document("new", "Something new.")], index)
        assert index.search("mill", mode="lexical")[0].source == "mill"
    server.embed = lambda texts: of_words(texts) * (1 + 1e-3 * of_words(texts, salt="noise"))
    with HybridIndex.open(path, read_only=True) as index:
        assert index.search("mill", mode="dense")[0].source == "mill", "servers repeat a vector nearly, not exactly"
    server.embed = partial(of_words, dimension=16)
    with HybridIndex.open(path, read_only=True) as index, pytest.raises(IndexMismatchError, match="dimension 24"):
        index.search("mill")


def test_an_index_moves_with_its_model_and_remembers_where(path: Path, server: EmbeddingServer) -> None:
    server.requests.clear()
    with embedding_server() as other:
        with HybridIndex.open(path, config=config_for(other)) as index:
            assert index.search("mill", mode="dense")[0].source == "mill"
            add([Document("fog", "Fog hides the river.")], index)
        with HybridIndex.open(path, read_only=True) as index:
            assert index.config.encoder_url == other.url
            assert index.search("river", mode="dense")[0].source == "fog"
    assert not server.requests


def test_other_names_limits_and_tokenizers_are_refused(path: Path, server: EmbeddingServer) -> None:
    for settings, complaint in [
        ({"model": "openai:others"}, "the model openai:words, not openai:others"),
        ({"encoder_max_tokens": 256}, "encoder_max_tokens=None, not 256"),
    ]:
        with pytest.raises(IndexMismatchError, match=complaint):
            HybridIndex.open(path, config=config_for(server, **settings))
    with (
        HybridIndex.open(path, config=config_for(server, encoder_tokenizer="packaged")) as index,
        pytest.raises(IndexMismatchError, match="another tokenizer"),
    ):
        index.search("mill")


def test_a_rebuild_with_another_limit_embeds_no_string_again(path: Path, server: EmbeddingServer) -> None:
    server.requests.clear()
    assert not rebuild(path, config=config_for(server, encoder_max_tokens=100, chunk_size=90)).failed
    assert not [text for text in server.texts if text.startswith("passage: ")]
    with HybridIndex.open(path, read_only=True) as index:
        assert index.stats().max_seq_length == 100


def test_settings_of_an_endpoint_do_not_stick_to_another_model() -> None:
    remembered = {"model": "openai:words", "encoder_url": "http://h/v1", "encoder_max_tokens": 100}
    assert Config.load(base=remembered).encoder_max_tokens == 100
    assert Config.load(base=remembered, model="packaged").index_settings().get("encoder_url") is None
    local = {"model": "some/model", "revision": "abc", "pooling": "cls", "query_prefix": "q: "}
    assert Config.load(base=local, model="other/model").query_prefix == "auto"
    assert Config.load(base=local, model="some/model").query_prefix == "q: "
    assert Config.load(base=local, model="openai:words", encoder_url="http://h/v1").revision is None
    assert Config.load(base=local).pooling == "cls"


def test_another_model_is_noticed_by_an_index_that_is_open_and_again_once_it_is_gone(
    path: Path, server: EmbeddingServer
) -> None:
    new = [Document("new", "Something new.")]
    with HybridIndex.open(path) as index, HybridIndex.open(path, read_only=True) as reader:
        assert index.search("mill") and reader.search("mill")
        for server.embed in (partial(of_words, salt="other"), partial(of_words, dimension=16)):
            for _ in range(2):
                with pytest.raises(IndexMismatchError, match=r"another model|dimension 24"):
                    add(new, index)
            with pytest.raises(IndexMismatchError):
                index.search("mill")
        with pytest.raises(ModelError, match="16 dimensions, and gave 24 before"):
            reader.search("mill")
        server.embed = of_words
        assert index.search("mill", mode="dense")[0].source == "mill"
        server.requests.clear()
        assert add(new, index).added == 1
        assert len(server.requests) == 2, "one more than for the document"
        server.requests.clear()
        assert add(new, index).unchanged == 1
        assert not server.requests
        index.embedder.renew(after=0)
        server.embed = partial(of_words, salt="other")
        with pytest.raises(IndexMismatchError, match="another model"):
            index.search("mill")


def test_a_text_that_the_server_refuses_costs_its_document_alone(path: Path, server: EmbeddingServer) -> None:
    too_long = Fault(413, {"error": "`inputs` must have less than 512 tokens. Given: 600"})
    server.fault = lambda body: too_long if "Bad" in str(body["input"]) else None
    texts = {
        "mill": "The mill grinds flour. Bad.",
        "one": "Bad.",
        "fine": "Good news.",
        "long": "Parts of a story.\n\n" * 200 + "Bad end." + "\n\nThe rest." * 100,
    }
    documents = [Document(source, text) for source, text in texts.items()]
    with HybridIndex.open(path) as index:
        report = add(documents, index)
        assert (report.added, report.updated) == (1, 0)
        assert [failure.source for failure in report.failed] == ["long", "mill", "one"]
        assert all("encoder_max_tokens" in failure.reason for failure in report.failed)
        assert index.search("good news")[0].source == "fine"
        assert {record.source for record in index.documents()} == {"fine", "mill", "rain"}
        assert index.search("mill")[0].text == "The mill grinds flour.", "the version before stays"
        server.fault = lambda body: None
        report = add(documents, index)
        assert (report.added, report.updated, report.unchanged) == (2, 1, 1)
        assert index.search("the bad end of the story")[0].source == "long"
    assert examine(path) == []


def test_a_refusal_of_every_text_ends_the_run_at_once(path: Path, server: EmbeddingServer) -> None:
    with HybridIndex.open(path) as index:
        assert index.search("mill")
        server.fault = lambda body: Fault(400, {"error": "no such model"}) if len(server.requests) > 1 else None
        server.requests.clear()
        with pytest.raises(ModelError, match=r"400 \(no such model\)\. Check `model`"):
            add([Document(f"{number}", f"Text {number}.") for number in range(32)], index)
        assert len(server.requests) <= 8
        server.reset()
        assert index.search("mill", mode="lexical")[0].source == "mill"


FAULTS = [
    Fault(429, {"error": "slow down"}, {"Retry-After": "1000"}),
    Fault(503, b"<html>busy</html>"),
    Fault(body={"data": [{}] * 50}, is_cut=True),
    Fault(seconds=0.2),
    Fault(body=b"<html>Please log in</html>"),
    Fault(302, b"", {"Location": "http://127.0.0.1:1/login"}),
    Fault(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    Fault(body={"data": []}),
    Fault(body={"data": [{"embedding": [0.5] * 23}]}),
    Fault(body=b'{"data": [{"embedding": [NaN]}]}'),
    Fault(401, {"error": "the key has expired"}),
]


def test_whatever_a_server_answers_nothing_is_lost(path: Path, server: EmbeddingServer) -> None:
    config = config_for(server, encoder_seconds=0.1)
    encoder = EndpointEncoder.load(config, query_patience=0.01, passage_patience=0.01, pause=0.001)
    with HybridIndex.open(path, encoder=encoder) as index:
        for number, fault in enumerate(FAULTS):
            new = [Document(f"new{number}", f"New text {number}.")]
            server.fault = lambda body, fault=fault: fault if "New" in str(body["input"]) else None
            with pytest.raises(ModelError, match=f"^openai:words at {server.url}"):
                add(new, index)
            assert index.search("flour of the mill")[0].source == "mill"
    server.fault = lambda body: None
    documents = [Document(f"new{number}", f"New text {number}.") for number in range(len(FAULTS))]
    with HybridIndex.open(path) as index:
        assert add(documents, index).added == len(FAULTS)
        assert index.search("new text 3", mode="dense")[0].source == "new3"
        assert len(index.documents()) == len(DOCUMENTS) + len(FAULTS)


def test_an_outage_ends_a_sync_and_the_next_goes_on(
    tmp_path: Path,
    server: EmbeddingServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    for number in range(60):  # what was modified last is embedded first
        file, when = tmp_path / "docs" / f"{number:02}.md", "early" if number < 32 else "late"
        file.write_text(f"Note number {number} came {when}.\n", "utf-8")
        os.utime(file, (2_000_000_000 - number, 2_000_000_000 - number))
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 32)
    Path("own.yaml").write_text(f"model: openai:words\nencoder_url: {server.url}\nparse_workers: 1\n", "utf-8")

    def run(*command: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            console.run(ingest_app if command[0] == "ingest" else retrieve_app, command, pool=POOL)
        return (leaving.value.code, *capsys.readouterr())

    passages = lambda: [text for text in server.texts if text.startswith("passage: ")]  # noqa: E731
    server.fault = lambda body: DOWN if any("came late" in text for text in body["input"]) else None
    code, _, error = run("ingest", "sync", "docs", "--config", "own.yaml")
    assert code == 3
    assert f"openai:words at {server.url}/embeddings does not embed: it answers 503 (restarting)" in error
    embedded = {text for text in passages() if "came early" in text}
    status = json.loads(run("ingest", "status", "--json")[1])
    assert (status["documents"], status["pending_chunks"], status["limit_is_estimated"]) == (60, 28, True)
    assert "note" in run("retrieve", "search", "note", "--mode", "lexical")[1].lower()

    server.reset()
    code, printed, error = run("ingest", "sync", "docs", "--config", "own.yaml")
    assert (code, error) == (0, "")
    assert "28 added" in printed and "32 unchanged" in printed
    assert len(passages()) == 28 and not embedded & set(passages())
    said = run("ingest", "status")[1]
    assert "at most 512 tokens (an estimate: a token for up to three letters" in said
    assert "Note number 7 " in run("retrieve", "search", "note number 7", "-k", "1")[1]


def test_fingerprints_from_before_are_read_compared_and_written_as_they_were(loaded_embedder: Embedder) -> None:
    now = Fingerprint.of(Config(), loaded_embedder)
    values = json.loads(now.to_json())
    old = json.dumps(
        {**values, "settings": {name: value for name, value in values["settings"].items() if "encoder" not in name}},
        sort_keys=True,
    )
    read = Fingerprint.from_json(old)
    assert "probe" not in values
    assert read.to_json() == old and read.moved_to("http://h/v1").to_json() == old
    assert read.embeds_like(now) and now.embeds_like(read)
    read.check_config(Config(), index="i")
    read.check_embedder(loaded_embedder, Config(), index="i")


@pytest.mark.slow
def test_a_model_behind_a_server_answers_as_it_does_here(
    tmp_path: Path, server: EmbeddingServer, loaded_embedder: Embedder
) -> None:
    server.embed = loaded_embedder.encoder.embed_passages
    texts = [
        "Rain falls from dark clouds when warm air rises and cools.",
        "The mill grinds flour between two stones. " * 60,
        "A gull steals bread from the quay.",
        "Fog hides the river until noon. " * 40,
    ]
    documents = [Document(f"text-{number}", text, title="A title") for number, text in enumerate(texts)]
    config = config_for(server, encoder_tokenizer="packaged", encoder_max_tokens=256)
    with HybridIndex.open(tmp_path / "there", config=config) as there, HybridIndex.open(tmp_path / "here") as here:
        add(documents, there)
        add(documents, here)
        assert there.stats().chunks == here.stats().chunks > len(documents)
        for question in ("how is flour made", "when does it rain", "birds that steal"):
            found, expected = there.search(question), here.search(question)
            assert [hit.id for hit in found] == [hit.id for hit in expected]
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-3)
    encoder = EndpointEncoder.load(config)
    with HybridIndex.open(tmp_path / "there", encoder=encoder, read_only=True) as index:
        assert index.search("flour")[0].source == "text-1"
