"""Questions that a language model writes: what is sent to its server, what is made of each answer, and of none."""

import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from retrieval.errors import ChatUnavailableError, ConfigError, ModelError
from retrieval.training import Generation
from retrieval.training.asking import KeptAnswers, ask_all
from retrieval.training.chat_model import Answer, ChatModel, answer_of
from retrieval.training.written_questions import questions_in
from tests.embedding_server import EmbeddingServer, Fault

KEY = "sk-12345-secret"
ONE, TWO = "Why does it rain?", "What is a cloud made of?"


@pytest.fixture(autouse=True)
def _nothing_under_way() -> Iterator[None]:
    yield
    end_requests()


def end_requests() -> None:
    """Wait for those that nobody waits for any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("asking-"):
            thread.join()


def said(content: object, **choice: object) -> Fault:
    return Fault(
        body={
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop", **choice}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
    )


def model_at(server: EmbeddingServer, **options: Any) -> ChatModel:
    given = {"model": "writer", "key": None, "max_tokens": 50, "patience": 1.0, "pause": 0.005, **options}
    return ChatModel(server.url, **given)


@pytest.mark.parametrize(
    "answer",
    [
        f"{ONE}\n{TWO}",
        f"1. {ONE}\n2. {TWO}",
        f"Here are two questions:\n\n1) **{ONE}**\n2) **{TWO}**\n\nWould you like me to write more?",
        f"- {ONE}\n* {TWO}",
        f"1. {ONE} 2. {TWO}",
        f"“{ONE}”\n„{TWO}“",
        f"Question 1: {ONE}\nQuestion 2: {TWO}",
        f"**Question:** {ONE}\n**Question:** {TWO}",
        f"### Question 1\n{ONE}\n### Question 2\n{TWO}",
        f"Frage 1: {ONE}\nFrage 2: {TWO}",
        f"Q1: {ONE}\nA1: Because of what?\nQ2: {TWO}\nA2: Of water.",
        f"1. {ONE}\n   - Answer: Who knows?\n2. {TWO} (Answer: of water)",
        f"| 1 | {ONE} |\n| 2 | {TWO} |",
        f'["{ONE}", "{TWO}"]',
        f"['{ONE}', '{TWO}']",
        f'["{ONE}", "{TWO}"',
        f'Sure!\n```json\n{{"questions": [{{"question": "{ONE}", "answer": "Is it?"}}, {{"question": "{TWO}"}}]}}\n```',
        f'{{"question": "{ONE}"}}\n{{"query": "{TWO}"}}',
        f'{{"1": "{ONE}", "2": "{TWO}"}}',
        f"<think>\nWhat is asked here?\n1. Is it this one?\n</think>\n\n{ONE}\n{TWO}",
        f"What is asked here?\n</think>\n{ONE}\n{TWO}",
        f"[THINK]Is it this?[/THINK]{ONE}\n{TWO}",
        f"<|channel|>analysis<|message|>Is it?<|end|><|channel|>final<|message|>{ONE}\n{TWO}<|return|>",
    ],
)
def test_questions_are_read_however_they_are_listed(answer: str) -> None:
    assert questions_in(answer) == [ONE, TWO]


@pytest.mark.parametrize(
    ("answer", "questions"),
    [
        ("", []),
        ("I'm sorry, but I cannot help with that.", []),
        ("<think>What should I ask?\nPerhaps this?", []),
        ("<|channel|>analysis<|message|>What is asked?", []),
        ("Why?\n\n" + "Because " * 80 + "?", []),
        (f"{ONE}\n{ONE}", [ONE]),
        ("1. rain causes\n2. how clouds form", ["rain causes", "how clouds form"]),
        (
            "1、雨はなぜ降るのですか？\n2、雲は何でできていますか？",
            ["雨はなぜ降るのですか？", "雲は何でできていますか？"],
        ),
        ('1. Is arr["some key"] valid?\n2. What does [1] mean?', ['Is arr["some key"] valid?', "What does [1] mean?"]),
        ("3.5 litres are how many pints?", ["3.5 litres are how many pints?"]),
        ("Windows 11: how is it updated?", ["Windows 11: how is it updated?"]),
    ],
)
def test_what_is_no_question_is_left_out_and_what_is_one_stays_whole(answer: str, questions: list[str]) -> None:
    assert questions_in(answer) == questions


def test_a_server_is_sent_one_message_and_a_limit_by_the_name_that_it_knows(server: EmbeddingServer) -> None:
    server.fault = lambda body: (
        said(ONE)
        if "max_completion_tokens" in body
        else Fault(400, {"error": {"message": "'max_tokens' is not supported; use 'max_completion_tokens' instead."}})
    )
    model = model_at(server)
    assert [model.ask("Ask!") for _ in range(2)] == [Answer(ONE, False, 7, 3)] * 2
    assert [set(body) for body in server.requests] == [
        {"model", "messages", name} for name in ("max_tokens", "max_completion_tokens", "max_completion_tokens")
    ]
    assert server.requests[-1]["messages"] == [{"role": "user", "content": "Ask!"}]
    assert server.requests[-1]["max_completion_tokens"] == 50
    server.fault = lambda body: Fault(422, {"error": f"unknown: {next(name for name in body if 'tokens' in name)}"})
    with pytest.raises(ModelError, match="unknown: max_completion_tokens"):
        model.ask("Ask!")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"choices": [{"message": {"content": null, "reasoning": "Why?"}, "finish_reason": "length"}]}', ("", True)),
        (
            b'{"choices": [{"message": {"content": [{"type": "thinking"}, {"type": "text", "text": "a"}]}}]}',
            ("a", False),
        ),
        (b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": null}}', ("a", False)),
    ],
)
def test_answers_of_all_servers_are_read(body: bytes, answer: tuple[str, bool]) -> None:
    assert answer_of(body)[:2] == answer


def test_trouble_that_passes_costs_time_and_nothing_else(server: EmbeddingServer) -> None:
    server.faults = [Fault(503, {"error": "busy"}), Fault(429, {}, {"Retry-After": "0.01"}), Fault(is_cut=True)]
    server.faults += [said("late")._replace(seconds=0.2)]
    server.fault = lambda body: said(ONE)
    assert model_at(server, seconds=0.1).ask("Ask!").text == ONE
    server.fault = lambda body: Fault(429, {"error": "slow down"}, {"Retry-After": "3600"})
    with pytest.raises(ChatUnavailableError, match=r"429 \(slow down\).*only for what is missing"):
        model_at(server).ask("Ask!")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(404, {"error": {"message": "model 'writer' not found"}}), "404 .*the name of the model"),
        (Fault(401, {"error": f"{KEY} is no key"}), "Check the key"),
        (Fault(200, {"error": "no such path"}), r"200 \(no such path\)"),
        (Fault(200, {"choices": []}), "without a message"),
    ],
)
def test_a_refusal_ends_all_at_once_and_shows_no_key(
    server: EmbeddingServer, fault: Fault, says: str, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fault = lambda body: fault
    wishes = Generation(model="openai:writer", url=f"{server.url}/chat/completions", key=SecretStr(KEY))
    model = model_at(server, key=wishes.key)
    with pytest.raises(ModelError, match=says) as caught:
        ask_all(model, wishes, [f"{n}" for n in range(40)], KeptAnswers(tmp_path / "a"), on_answer=lambda done: None)
    assert not isinstance(caught.value, ChatUnavailableError)
    assert len(server.requests) <= 8 and server.keys[0] == f"Bearer {KEY}"
    assert KEY[:5] not in f"{caught.value} {caplog.text} {wishes!r} {vars(model)} {vars(model._server)}"


def test_where_nothing_listens_it_is_said_at_once(server: EmbeddingServer) -> None:
    model = ChatModel("http://127.0.0.1:1/v1", model="writer", key=None, max_tokens=5)
    with pytest.raises(ModelError, match=r"writer at http://127.0.0.1:1/v1/chat/completions cannot be reached"):
        model.ask("Ask!")


def test_one_passage_may_be_refused_and_answers_are_kept_as_they_come(server: EmbeddingServer, tmp_path: Any) -> None:
    def answer(body: dict[str, Any]) -> Fault:
        prompt = body["messages"][0]["content"]
        return (
            Fault(400, {"error": "maximum context length is 9 tokens"}) if prompt == "3" else said(f"Is it {prompt} ü?")
        )

    server.fault = answer
    wishes, file = Generation(model="writer", url=server.url), tmp_path / "answers"
    prompts = [str(number) for number in range(40)]
    interrupted = threading.Event()

    def interrupt(done: int) -> None:
        if done == 5:
            interrupted.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_all(model_at(server), wishes, prompts, KeptAnswers(file), on_answer=interrupt)
    end_requests()
    begun = len(server.requests)
    with file.open("a") as torn:
        torn.write('{"request": "')
    kept = KeptAnswers(file)
    missing = [prompt for prompt in prompts if kept.lacks(wishes, prompt)]
    assert len(missing) in {35, 36} and "ü" in file.read_text("utf-8")
    ask_all(model_at(server), wishes, missing, kept, on_answer=lambda done: None)
    again = [body["messages"][0]["content"] for body in server.requests[begun:]]
    assert sorted(again) == sorted(missing) and begun < len(prompts), "no more is begun after an interrupt"
    assert [prompt for prompt in prompts if KeptAnswers(file).lacks(wishes, prompt)] == ["3"]
    other = Generation(model="another", url=server.url)
    assert all(KeptAnswers(file).lacks(other, prompt) for prompt in prompts)


@pytest.mark.parametrize(
    ("fault", "says"),
    [(said("", finish_reason="length"), "cut off at 1,000"), (said("Dear me."), "without a question")],
)
def test_a_model_whose_first_answers_are_of_no_use_is_not_asked_further(
    server: EmbeddingServer, fault: Fault, says: str, tmp_path: Any
) -> None:
    server.fault = lambda body: fault
    wishes, kept = Generation(model="writer", url=server.url), KeptAnswers(tmp_path / "answers")
    with pytest.raises(ModelError, match=says):
        ask_all(model_at(server), wishes, [f"{n}" for n in range(400)], kept, on_answer=lambda done: None)
    assert len(server.requests) < 400, "those in progress end, and no more begin"
    more = Generation(model="writer", url=server.url, max_tokens=2000)
    serve = any(not kept.lacks(more, f"{n}") for n in range(400))
    assert serve is not says.startswith("cut"), "an answer may have been cut off where it would not be now"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "localhost:11434"},
        {"url": f"http://me:{KEY}@host/v1"},
        {"url": f"http://host/v1?key={KEY}"},
        {"model": " "},
        {"prompt": "Ask something!"},
        {"questions": 0},
        {"prices": (-1.0, 0.0)},
    ],
)
def test_wishes_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Generation(**{"model": "writer", "url": "http://host/v1", **wrong})
    assert KEY not in str(caught.value)


def test_a_prompt_holds_the_passage_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIEVAL_CHAT_API_KEY", KEY)
    wishes = Generation(
        model="writer", url="https://host:99/v1/", prompt='{"ask": {count}} of {passage}', prices=(0.5, 2.0)
    )
    assert wishes.prompt_for(r"a {count} \1") == r'{"ask": 2} of a {count} \1'
    assert wishes.host == "host:99" and wishes.cost(2_000_000, 1_000_000) == 3.0
    assert wishes.key is not None and not re.search(KEY, repr(wishes))
