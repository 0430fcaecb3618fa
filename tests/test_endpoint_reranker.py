"""Requests to a server that reranks: both forms of them, what is made of each answer, and who may choose the server."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import Config
from retrieval.endpoint_reranker import EndpointReranker, is_address, scores_of
from retrieval.errors import ConfigError, ModelError, RerankerUnavailableError
from retrieval.rerankers import Rerankers
from retrieval.serve_names_cli import reranker
from retrieval.types import Reranker
from tests.embedding_server import EmbeddingServer, Fault

KEY = "sk-12345-secret"
QUERY = "what grinds flour?"
MISSING = "Failed to deserialize the JSON body into the target type: missing field `{}` at line 1 column 43"


@pytest.fixture
def server(server: EmbeddingServer) -> EmbeddingServer:
    """Reranks as Jina does."""
    server.fault = jina
    return server


def address(server: EmbeddingServer) -> str:
    return f"{server.url}/rerank"


def reranker_at(server: EmbeddingServer, model: str = "") -> EndpointReranker:
    return EndpointReranker.load(f"{address(server)}{model}", pause=0.005)


def passages(count: int) -> list[str]:
    return [f"passage {number}" for number in range(count)]


def relevance(text: str) -> float:
    return float(text.split()[1]) / 7 - 3


def jina(body: dict[str, Any]) -> Fault:
    """Best first, as all servers sort them."""
    scores = [{"index": index, "relevance_score": relevance(text)} for index, text in enumerate(body["documents"])]
    return Fault(body={"model": "m", "usage": {}, "results": scores[::-1]})


def tei(body: dict[str, Any]) -> Fault:
    if "texts" not in body:
        return Fault(422, MISSING.format("texts").encode())
    if len(body["texts"]) > 32:
        return Fault(422, {"error": f"batch size {len(body['texts'])} > maximum allowed batch size 32"})
    return Fault(body=[{"index": index, "score": relevance(text)} for index, text in enumerate(body["texts"])][::-1])


def test_scores_come_in_the_order_of_the_passages_as_the_server_gives_them(server: EmbeddingServer) -> None:
    reranker = reranker_at(server, "#org/reranker-v2")
    assert isinstance(reranker, Reranker)
    scores = reranker.score(QUERY, passages(5))
    assert scores.dtype == np.float64
    assert scores.tolist() == [relevance(text) for text in passages(5)]
    (body,) = server.requests
    assert body == {
        "model": "org/reranker-v2", "query": QUERY, "documents": passages(5), "top_n": 5, "return_documents": False,
    }  # fmt: skip
    assert reranker.score(QUERY, []).shape == (0,)
    assert reranker_at(server).score(QUERY, passages(1)).shape == (1,)
    assert "model" not in server.requests[-1]
    assert server.keys == [None, None]


def test_a_server_that_calls_passages_texts_gets_them_so_and_as_many_as_it_takes(server: EmbeddingServer) -> None:
    server.fault = tei
    reranker = reranker_at(server)
    for _ in range(2):
        assert reranker.score(QUERY, passages(100)).tolist() == [relevance(text) for text in passages(100)]
    sizes = [len(body.get("texts", [])) for body in server.requests]
    assert sizes[:4] == [0, 100, 50, 25]
    assert sizes[-4:] == [25] * 4
    assert sizes.count(0) == 1, "the form is remembered"
    server.fault = lambda body: jina(body) if "documents" in body else Fault(400, MISSING.format("documents").encode())
    assert reranker.score(QUERY, passages(3)).tolist() == [relevance(text) for text in passages(3)]


def test_where_neither_form_will_do_the_first_refusal_is_told(server: EmbeddingServer) -> None:
    server.fault = lambda body: Fault(422, {"error": f"send texts or documents, not {sorted(body)[0]}"})
    with pytest.raises(ModelError, match="not documents"):
        reranker_at(server).score(QUERY, passages(1))
    assert len(server.requests) == 2


def test_many_passages_are_sent_side_by_side_within_the_limit(server: EmbeddingServer) -> None:
    server.fault = lambda body: jina(body)._replace(seconds=0.01)
    assert reranker_at(server).score(QUERY, passages(1000)).tolist() == [relevance(text) for text in passages(1000)]
    assert sorted(len(body["documents"]) for body in server.requests) == [104, *[128] * 7]
    assert server.at_once <= 4


def test_trouble_that_passes_costs_time_and_nothing_else(
    server: EmbeddingServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults = [Fault(503, {"error": "busy"}), Fault(429, {}, {"Retry-After": "0.01"}), Fault(is_cut=True)]
    assert reranker_at(server).score(QUERY, passages(2)).tolist() == [relevance(text) for text in passages(2)]
    (warning,) = caplog.messages
    assert "does not rerank" in warning and address(server) in warning
    server.fault = lambda body: Fault(429, {"error": "slow down"}, {"Retry-After": "3600"})
    with pytest.raises(RerankerUnavailableError, match=r"429 \(slow down\).*asks to wait 3,600 s.*without `rerank`"):
        reranker_at(server).score(QUERY, passages(2))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(404, {"detail": "no such model"}), "404 .*URL#MODEL"),
        (Fault(200, {"error": "Unexpected endpoint"}), r"200 \(Unexpected endpoint\)"),
        (Fault(401, {"message": "no key"}), "Set RETRIEVAL_RERANK_API_KEY"),
        (Fault(307, b"", {"Location": "http://127.0.0.1:1/"}), "307"),
        (Fault(400, {"error": "maximum context length is 512 tokens"}), "chunk_size"),
        (Fault(body={"results": [{"index": 0, "relevance_score": 1.0}]}), "1 scores for 2 passages"),
    ],
)
def test_refusals_and_answers_of_no_use_are_told_and_not_repeated(
    server: EmbeddingServer, fault: Fault, says: str
) -> None:
    server.fault = lambda body: fault
    with pytest.raises(ModelError, match=says) as caught:
        reranker_at(server, "#m").score(QUERY, passages(2))
    assert not isinstance(caught.value, RerankerUnavailableError)
    assert f"m at {address(server)} " in str(caught.value)
    assert len(server.requests) <= 2


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"<html>score", "no JSON"),
        (b'{"score": 1}', "without a list"),
        (b'{"results": {"score": 1}}', "without a list"),
        (b'[{"index": 0, "score": 1}]', "1 scores for 2"),
        (b'[{"index": 0, "score": 1}, {"index": 0, "score": 2}]', "one passage each"),
        (b'[{"index": 0, "score": 1}, {"index": 2, "score": 2}]', "one passage each"),
        (b'[{"index": -1, "score": 1}, {"index": 0, "score": 2}]', "one passage each"),
        (b'[{"index": 0, "score": 1}, {"score": 2}]', "index of a passage"),
        (b'[{"index": 0, "score": 1}, {"index": true, "score": 2}]', "index of a passage"),
        (b'[{"index": 0, "score": 1}, {"index": 1, "score": null}]', "no numbers"),
        (b'[{"index": 0, "score": 1}, {"index": 1, "score": "2"}]', "no numbers"),
        (b'[{"index": 0, "score": 1}, {"index": 1, "score": true}]', "no numbers"),
        (b'[{"index": 0, "score": 1}, {"index": 1, "score": NaN}]', "no JSON"),
        (b'[{"index": 0, "score": 1}, 2]', "index of a passage"),
    ],
)
def test_each_passage_has_one_finite_score_or_the_answer_is_of_no_use(body: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        scores_of(body, count=2)


def test_a_key_is_sent_and_nowhere_shown(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RETRIEVAL_RERANK_API_KEY", f" {KEY}\n")
    Config()  # takes the variable for no misspelt setting
    reranker = reranker_at(server)
    server.fault = lambda body: Fault(401, {"error": f"{'x' * 190} {KEY} is no key"})
    with pytest.raises(ModelError, match="Check the key in RETRIEVAL_RERANK_API_KEY") as caught:
        reranker.score(QUERY, passages(1))
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY[:5] not in f"{caught.value} {caplog.text} {vars(reranker)} {vars(reranker._server)}"
    monkeypatch.setenv("RETRIEVAL_RERANK_API_KEY", f"{KEY}\nX-Other: 1")
    with pytest.raises(ConfigError, match="RETRIEVAL_RERANK_API_KEY: a key is one word") as refused:
        reranker_at(server)
    assert KEY not in str(refused.value)
    monkeypatch.setenv("RETRIEVAL_RERANKER_API_KEY", KEY)
    with pytest.raises(ConfigError, match="did you mean RETRIEVAL_RERANK_API_KEY"):
        Config()


@pytest.mark.parametrize(
    "url", [f"http://me:{KEY}@host/rerank", f"https://host/?key={KEY}#m", "http://", "http://[::1", "HTTPS://h:0/"]
)
def test_an_address_is_one_and_holds_no_secret(url: str) -> None:
    assert is_address(url)
    with pytest.raises(ModelError, match=r"rerank: write (it without a user|an address such as)") as caught:
        EndpointReranker.load(url)
    assert KEY not in str(caught.value)


def test_an_address_is_where_a_name_may_be_and_is_opened_once(server: EmbeddingServer, tmp_path: Path) -> None:
    rerankers = Rerankers(trust_remote_code=False)
    reranker = rerankers.get(f"{address(server)}#m")
    assert isinstance(reranker, EndpointReranker)
    assert rerankers.get(f"{address(server)}#m") is reranker
    assert not server.requests
    for name in ("cross-encoder/ms-marco", str(tmp_path), "https", "http:/one-slash"):
        assert not is_address(name)


def test_a_service_calls_the_server_of_its_start_by_the_name_of_its_model(server: EmbeddingServer) -> None:
    for model, name in (("#m", "m"), ("", "reranker")):
        configured = reranker(f"{address(server)}{model}")
        assert configured is not None and configured.name == name
        assert configured.model.score(QUERY, passages(1)).tolist() == [relevance("passage 0")]
