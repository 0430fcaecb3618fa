"""Requests to a server that embeds: what is sent, what is made of each answer, and of none."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from retrieval import Config
from retrieval.encoders import Embedder, EndpointEncoder, probe
from retrieval.encoders.estimating_tokenizer import estimating_tokenizer
from retrieval.endpoints.answers import retry_after, says_too_long, words_of
from retrieval.errors import ConfigError, EncoderUnavailableError, ModelError, PassagesRefusedError
from retrieval.types import Encoder
from tests.embedding_server import DIMENSION, EmbeddingServer, Fault, of_words

KEY = "sk-12345-secret"
OVERLOADED = Fault(503, {"error": {"message": "busy"}})


def encoder_at(server: EmbeddingServer, **settings: Any) -> EndpointEncoder:
    config = Config(**{"model": "openai:words", "encoder_url": server.url, **settings})
    encoder = EndpointEncoder.load(config, pause=0.005)
    assert encoder.dimension == settings.get("truncate_dim", DIMENSION)
    return encoder


def passages(count: int) -> list[str]:
    return [f"passage: number {number} of the passages" for number in range(count)]


def test_fewer_components_are_the_first_ones(server: EmbeddingServer) -> None:
    texts = passages(3)
    encoder = encoder_at(server, truncate_dim=5)
    np.testing.assert_array_equal(encoder.embed_passages(texts), of_words(texts)[:, :5])
    np.testing.assert_array_equal(encoder.embed_queries(texts), of_words(texts)[:, :5])
    config = Config(model="openai:words", encoder_url=server.url, truncate_dim=DIMENSION + 1)
    with pytest.raises(ConfigError, match=f"set `truncate_dim` to {DIMENSION} or fewer"):
        _ = EndpointEncoder.load(config).dimension
    with pytest.raises(ConfigError, match="output_layer belongs to a model that runs here"):
        Config(model="openai:words", encoder_url=server.url, output_layer=1)


def test_vectors_come_in_the_order_of_the_texts_however_they_are_sent(server: EmbeddingServer) -> None:
    texts = passages(70)
    expected = of_words(texts)
    for server.as_base64 in (True, False):
        for server.shuffles in (False, True):
            server.zips = server.shuffles
            encoder = encoder_at(server)
            assert isinstance(encoder, Encoder)
            assert (encoder.name, encoder.max_seq_length) == ("openai:words", 512)
            np.testing.assert_array_equal(encoder.embed_passages(texts), expected)
            np.testing.assert_array_equal(encoder.embed_queries(texts[:1]), expected[:1])
    assert {body["model"] for body in server.requests} == {"words"}
    assert server.keys == [None] * len(server.keys)


def test_a_server_that_knows_no_base64_is_asked_for_it_once(server: EmbeddingServer) -> None:
    server.fault = lambda body: (
        Fault(400, {"error": "encoding_format: unknown"}) if body["encoding_format"] == "base64" else None
    )
    encoder = encoder_at(server)
    np.testing.assert_array_equal(encoder.embed_passages(passages(2)), of_words(passages(2)))
    assert [body["encoding_format"] for body in server.requests] == ["base64", "float", "float"]


def test_requests_stay_within_the_limits_and_so_many_are_under_way(server: EmbeddingServer) -> None:
    server.fault = lambda body: Fault(seconds=0.01, body=None)
    encoder = encoder_at(server, batch_tokens=100, encoder_requests=2)
    encoder.embed_passages([*passages(90), "word " * 150, "last"])
    sizes = [len(body["input"]) for body in server.requests[1:]]
    tokens = [sum(len(encoder.tokenizer.encode(text)) for text in body["input"]) for body in server.requests[1:]]
    assert sum(sizes) == 92
    assert all(count <= 100 or size == 1 for count, size in zip(tokens, sizes, strict=True))
    assert server.at_once == 2
    server.requests.clear()
    encoder_at(server).embed_passages(["a"] * 100)
    assert sorted(len(body["input"]) for body in server.requests) == [1, 4, 32, 32, 32]


def test_a_server_that_takes_fewer_texts_at_once_gets_fewer(server: EmbeddingServer) -> None:
    server.fault = lambda body: Fault(422, {"error": "maximum batch size is 8"}) if len(body["input"]) > 8 else None
    encoder = encoder_at(server, encoder_requests=1)
    np.testing.assert_array_equal(encoder.embed_passages(passages(33)), of_words(passages(33)))
    server.requests.clear()
    encoder.embed_passages(passages(33))
    assert [len(body["input"]) for body in server.requests] == [8, 8, 8, 8, 1]


@pytest.mark.parametrize(
    "fault",
    [
        OVERLOADED,
        Fault(429, {"error": "slow down"}, {"Retry-After": "0.05"}),
        Fault(500, b"<html>oops</html>"),
        Fault(body={"data": [{}] * 50}, is_cut=True),
        Fault(seconds=0.3),
    ],
    ids=["503", "429", "500", "cut", "slow"],
)
def test_trouble_that_passes_costs_time_and_nothing_else(
    server: EmbeddingServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = encoder_at(server, encoder_seconds=0.15)
    server.faults = [fault, fault]
    np.testing.assert_array_equal(encoder.embed_passages(passages(3)), of_words(passages(3)))
    (warning,) = caplog.messages
    assert server.url in warning


@pytest.mark.parametrize("said", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_server_that_asks_for_too_long_a_wait_is_left_alone(server: EmbeddingServer, said: str) -> None:
    encoder = encoder_at(server)
    server.fault = lambda body: Fault(429, {"error": "slow down"}, {"Retry-After": said})
    with pytest.raises(EncoderUnavailableError, match=r"429 \(slow down\).* asks to wait"):
        encoder.embed_passages(passages(1))
    assert len(server.requests) == 2


def test_waits_are_read_as_seconds_or_dates() -> None:
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}) == 0
    assert retry_after({"retry-after": "soon"}) == retry_after({}) == retry_after({"retry-after": "-3"}) == 0


def test_after_an_outage_each_request_is_made_once_until_one_succeeds(server: EmbeddingServer) -> None:
    encoder = encoder_at(server)
    server.fault = lambda body: Fault(503, {}, {"Retry-After": "1000"})
    with pytest.raises(EncoderUnavailableError):
        encoder.embed_queries(["mill"])
    server.fault = lambda body: OVERLOADED
    asked = len(server.requests)
    with pytest.raises(EncoderUnavailableError, match="lexical"):
        encoder.embed_queries(["mill"])
    assert len(server.requests) == asked + 1
    server.fault = lambda body: None
    encoder.embed_queries(["mill"])
    server.faults = [OVERLOADED]
    encoder.embed_queries(["mill"])


def row(values: Any, **more: Any) -> dict[str, Any]:
    return {"embedding": values, **more}


GOOD = [0.5] * DIMENSION


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"data": [row(GOOD)]}, "1 vectors for 2 texts"),
        ({"data": [row(GOOD)] * 3}, "3 vectors for 2 texts"),
        ({"data": [row(GOOD, index=1)] * 2}, "one text each"),
        ({"data": [row(GOOD, index=1), row(GOOD, index=2)]}, "one text each"),
        ({"data": [row(GOOD), row(GOOD[1:])]}, "cannot be read"),
        ({"data": [row(GOOD[1:])] * 2}, "23 dimensions, and gave 24"),
        ({"data": [row("AAA=")] * 2}, "cannot be read"),
        ({"data": [row("no base64!")] * 2}, "cannot be read"),
        ({"data": [row([1e300, *GOOD[1:]])] * 2}, "no numbers"),
        ({"data": [row([None, *GOOD[1:]])] * 2}, "no numbers"),
        ({"data": [row([])] * 2}, "no numbers"),
        ({"data": [row([GOOD])] * 2}, "no numbers"),
        ({"data": [1, 2]}, "cannot be read"),
        ({"data": None}, "without a list"),
        ({"error": "Unexpected endpoint"}, r"200 \(Unexpected endpoint\)"),
        (b'{"data": [NaN]}', "no JSON"),
        (b'{"data": "<html>"', "no JSON"),
        (b"<html>It works!</html>", "It works"),
    ],
)
def test_answers_of_no_use_are_refused_at_once(server: EmbeddingServer, answer: Any, complaint: str) -> None:
    encoder = encoder_at(server)
    server.fault = lambda body: Fault(body=answer)
    with pytest.raises(ModelError, match=complaint) as caught:
        encoder.embed_passages(passages(2))
    assert not isinstance(caught.value, EncoderUnavailableError)
    assert server.url in str(caught.value)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(404, {"error": {"message": 'model "words" not found'}}), r"404 .*not found.*Check `model`"),
        (Fault(401, {"detail": "no key"}), "RETRIEVAL_ENCODER_API_KEY"),
        (Fault(307, b"", {"Location": "http://127.0.0.1:1/"}), r"307 \(it has moved to http://127.0.0.1:1/\)"),
        (Fault(400, {"error": {"message": "maximum context length is 512 tokens"}}), "encoder_max_tokens.*--rebuild"),
        (Fault(500, {"error": "input is too large to process"}), "encoder_tokenizer"),
    ],
)
def test_refusals_are_told_with_the_way_out_and_not_repeated(server: EmbeddingServer, fault: Fault, says: str) -> None:
    encoder = encoder_at(server)
    server.fault = lambda body: fault
    with pytest.raises(ModelError, match=says) as caught:
        encoder.embed_queries(passages(1))
    assert not isinstance(caught.value, EncoderUnavailableError)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 8192 tokens, however you requested 9001 tokens"),
        (400, "Invalid 'input[0]': maximum input length is 8192 tokens."),
        (413, "Input validation error: `inputs` must have less than 512 tokens. Given: 600"),
        (422, "Input is too long"),
        (400, "the input length exceeds the context length"),
        (500, "input (600 tokens) is too large to process. increase the physical batch size (current batch size: 512)"),
        (400, "the request exceeds the available context size, try increasing it"),
        (400, "content filter"),
    ],
)
def test_the_texts_that_a_server_refuses_are_found_among_the_others(
    server: EmbeddingServer, status: int, message: str
) -> None:
    fault = Fault(status, {"error": {"message": message, "type": "invalid_request_error"}})
    server.fault = lambda body: fault if "bad" in str(body["input"]) else None
    encoder = encoder_at(server)
    texts = [f"bad {number}" if number in {5, 6, 40} else f"good {number}" for number in range(50)]
    with pytest.raises(PassagesRefusedError) as caught:
        encoder.embed_passages(texts)
    assert caught.value.reasons.keys() == {5, 6, 40}
    (reason,) = set(caught.value.reasons.values())
    way_out = "It embeds other texts" if message == "content filter" else "Set encoder_max_tokens"
    assert message.rstrip(".") in reason and way_out in reason
    server.requests.clear()
    encoder.embed_passages(passages(32))
    assert len(server.requests) == 1, "the server takes as many texts at once as before"


@pytest.mark.parametrize(
    ("words", "is_too_long"),
    [
        ("This model's maximum context length is 8192 tokens, however you requested 9001 tokens", True),
        ("Invalid 'input[0]': maximum input length is 8192 tokens.", True),
        ("`inputs` must have less than 512 tokens. Given: 1000", True),
        ("the input length exceeds the context length", True),
        ("input is too large to process. increase the physical batch size", True),
        ("The input (600 tokens) is larger than the max context size", True),
        ("model 'words' not found, try pulling it first", False),
        ("encoding_format must be 'float'", False),
    ],
)
def test_how_servers_say_that_a_text_is_too_long(words: str, is_too_long: bool) -> None:
    assert says_too_long(words) is is_too_long


def test_nobody_at_the_address_is_said_at_once_where_patience_ends() -> None:
    config = Config(model="openai:words", encoder_url="http://127.0.0.1:1/v1")
    with pytest.raises(EncoderUnavailableError, match=r"openai:words at http://127.0.0.1:1/v1/embeddings does not"):
        EndpointEncoder.load(config, query_patience=0.02, pause=0.005).embed_queries(["mill"])


def test_a_key_is_sent_and_nowhere_shown(
    server: EmbeddingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RETRIEVAL_ENCODER_API_KEY", KEY)
    encoder = encoder_at(server)
    server.fault = lambda body: Fault(401, {"error": f"{'x' * 190} {KEY} is no key"})
    with pytest.raises(ModelError) as caught:
        encoder.embed_queries(["mill"])
    assert set(server.keys) == {f"Bearer {KEY}"}
    shown = f"{caught.value} {caplog.text} {Config()!r} {vars(encoder)} {encoder.settings}"
    assert KEY[:5] not in shown
    monkeypatch.delenv("RETRIEVAL_ENCODER_API_KEY")
    server.reset()
    (tmp_path / "key").write_text(f"{KEY}\n", "utf-8")
    encoder_at(server, encoder_api_key_file=tmp_path / "key")
    assert server.keys == [f"Bearer {KEY}"]
    (tmp_path / "key").write_text("two words", "utf-8")
    for file in (tmp_path / "key", tmp_path / "none"):
        with pytest.raises(ConfigError, match="encoder_api_key_file"):
            encoder_at(server, encoder_api_key_file=file)


def test_a_key_that_a_server_repeats_in_escapes_is_not_shown() -> None:
    for body in (rb'{"error": {"message": "no: Bearer sk\u002da\/b"}}', rb'{"detail": ["sk-a\/b"]}', b"no key sk-a/b"):
        assert "a/b" in words_of(body, key=None)
        assert "a/b" not in words_of(body, key=SecretStr("sk-a/b"))


@pytest.mark.parametrize("variable", ["ALL_PROXY", "SSL_CERT_FILE"])
def test_a_proxy_or_certificates_of_no_use_are_said_to_be(
    variable: str, monkeypatch: pytest.MonkeyPatch, server: EmbeddingServer
) -> None:
    monkeypatch.setenv(variable, "gopher://nowhere")
    with pytest.raises(ModelError, match=rf"cannot be asked: .*{variable}"):
        encoder_at(server)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "openai:words"}, "needs a name, and the server's address in encoder_url"),
        ({"model": "openai:", "encoder_url": "http://h/v1"}, "needs a name"),
        ({"encoder_tokenizer": "x"}, "encoder_tokenizer belongs to model openai:NAME"),
        ({"encoder_max_tokens": 9}, "encoder_max_tokens belongs to"),
        ({"model": "openai:w", "encoder_url": "http://h", "pooling": "mean"}, "pooling belongs to a model that runs"),
        ({"encoder_url": "localhost:11434"}, "encoder_url: write an address such as"),
        ({"encoder_url": "http://[broken"}, "encoder_url: write an address such as"),
        ({"encoder_url": f"http://me:{KEY}@host/v1"}, "encoder_url: write it without a user"),
        ({"encoder_url": f"http://host/v1?key={KEY}"}, "a key goes into encoder_api_key"),
        ({"encoder_api_key": f"{KEY}\nX-Other: 1"}, "encoder_api_key: a key is one word"),
        ({"encoder_api_key": 12345}, "encoder_api_key must be text"),
        ({"encoder_api_key": KEY, "encoder_api_key_file": "f"}, "both set"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_without_showing_a_key(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**settings)
    assert message in str(caught.value)
    assert KEY not in str(caught.value) and "12345" not in str(caught.value)


def test_an_address_is_taken_as_people_write_it() -> None:
    for url in ("http://h:1/v1", " http://h:1/v1/ ", "http://h:1/v1/embeddings"):
        assert Config(encoder_url=url).encoder_url == "http://h:1/v1"


def test_a_tokenizer_by_name_counts_exactly_and_long_queries_are_cut(
    server: EmbeddingServer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    exact = Embedder(encoder_at(server, encoder_tokenizer="packaged", encoder_max_tokens=20), Config())
    assert exact.count_tokens("passage: a mill") == 6
    for embedder in (exact, Embedder(encoder_at(server, encoder_max_tokens=20), Config())):
        caplog.clear()
        embedder.embed_queries(["flour of the mill " * 9])
        sent = server.texts[-1]
        assert sent.startswith("query: flour of the mill")
        assert embedder.count_tokens(sent) <= 20 < embedder.count_tokens(f"{sent} mill mill")
        assert "20 tokens" in caplog.text
    for name in (str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(ModelError):
            encoder_at(server, encoder_tokenizer=name)


@given(st.text(max_size=60))
def test_an_estimate_counts_every_character_but_letters_and_blanks(text: str) -> None:
    encoding = estimating_tokenizer().encode(text)
    others = sum(not (character.isascii() and character.isalpha()) and not character.isspace() for character in text)
    assert max(others, len(text) / 4) + 2 <= len(encoding.ids) <= len(text) + 2
    assert "".join(text[start:end] for start, end in encoding.offsets) == text


@given(st.integers(0, 2**32), st.integers(2, 2000))
def test_a_probe_keeps_its_cosine(seed: int, dimension: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.normal(size=(2, dimension)).astype(np.float32) * 100
    expected = float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    assert probe.cosine(probe.as_text(one), probe.as_text(other)) == pytest.approx(expected, abs=1e-3)
    assert probe.is_same(probe.as_text(one), probe.as_text(one * 7))
    assert not probe.is_same(probe.as_text(one), None) and probe.is_same(None, None)
    assert not probe.is_same(probe.as_text(one), probe.as_text(one[1:]))
