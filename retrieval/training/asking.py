"""Sends prompts to a language model in parallel, and writes each answer to a file at once."""

import json
import logging
import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from retrieval.directory.files import private_open
from retrieval.endpoints import BatchRefusedError
from retrieval.errors import ChatUnavailableError, ModelError
from retrieval.training.chat_model import AT_ONCE, Answer, ChatModel
from retrieval.training.generation import Generation
from retrieval.training.written_questions import questions_in
from retrieval.types import digest

log = logging.getLogger(__name__)

_IN_A_ROW = 5
"""After so many failures, or first answers without a question, no more is asked."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer, and the most tokens that it could have."""

    answer: Answer
    limit: int


class KeptAnswers:
    """Answers in a file of JSON lines, by model and prompt. Incomplete lines are ignored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[str, KeptAnswer] = {}
        content = path.read_bytes() if path.is_file() else b""
        self._before = "\n" if content and not content.endswith(b"\n") else ""
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                self._found[entry["request"]] = KeptAnswer(
                    Answer(**{name: entry[name] for name in Answer._fields}), entry["limit"]
                )
            except (ValueError, TypeError, LookupError):
                continue

    def get(self, generation: Generation, prompt: str) -> Answer | None:
        kept = self._found.get(_request(generation, prompt))
        return kept.answer if kept is not None else None

    def lacks(self, generation: Generation, prompt: str) -> bool:
        """Whether to send the prompt: there is no answer, or it was cut off and may be longer now."""
        kept = self._found.get(_request(generation, prompt))
        return kept is None or (kept.answer.is_cut and kept.limit < generation.max_tokens)

    def add(self, generation: Generation, prompt: str, answer: Answer) -> None:
        """Raises OSError."""
        request = _request(generation, prompt)
        self._found[request] = KeptAnswer(answer, generation.max_tokens)
        entry = {"request": request, "limit": generation.max_tokens, **answer._asdict()}
        with private_open(self.path, "a") as file:
            file.write(self._before + json.dumps(entry, ensure_ascii=False) + "\n")
        self._before = ""


def ask_all(
    model: ChatModel,
    generation: Generation,
    prompts: Sequence[str],
    kept: KeptAnswers,
    *,
    on_answer: Callable[[int], None],
) -> None:
    """Send the prompts, and keep the answers. A prompt that the server refuses, or does not answer, is left out.

    on_answer   is told how many prompts are done; if it raises, or at Ctrl-C, no more is sent

    Raises ChatUnavailableError or ModelError where the server gives no answer five times in a row, or the first five
    answers have no question.
    """
    answered = useful = in_a_row = 0
    failure: ModelError | None = None
    has_warned = False
    with closing(side_by_side(prompts, model.ask, at_once=AT_ONCE)) as results:
        for done, (prompt, result) in enumerate(results, start=1):
            if isinstance(result, ModelError):
                failure, in_a_row = result, in_a_row + 1
                may_be_one_prompt = isinstance(result, BatchRefusedError | ChatUnavailableError) or answered
                if not may_be_one_prompt or in_a_row >= _IN_A_ROW:
                    raise result
                log.log(logging.DEBUG if has_warned else logging.WARNING, "A passage is left out: %s", result)
                has_warned = True
            else:
                kept.add(generation, prompt, result)
                answered, in_a_row = answered + 1, 0
                useful += not result.is_cut and bool(questions_in(result.text))
                if not useful and answered >= _IN_A_ROW:
                    raise ModelError(_of_no_use(generation, result, kept.path))
            on_answer(done)
    if failure is not None and not answered:
        raise failure


def _of_no_use(generation: Generation, answer: Answer, path: Path) -> str:
    if answer.is_cut:
        return (
            f"{generation.model} is cut off at {generation.max_tokens:,} tokens before it has written its questions. "
            "Give it more tokens, or take a model that thinks less."
        )
    return f"{generation.model} answers without a question; see {path}. Change the prompt, or take another model."


def side_by_side(
    prompts: Sequence[str], work: Callable[[str], Result], *, at_once: int
) -> Generator[tuple[str, Result | ModelError], None, None]:
    """The result of each prompt, or its ModelError, as soon as there is one. When the generator is closed early, no
    more work begins, and it does not wait for work in progress."""
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, Result | BaseException]] = queue.SimpleQueue()
    ended = threading.Event()
    for prompt in prompts:
        todo.put(prompt)

    def take_turns() -> None:
        while not ended.is_set():
            try:
                prompt = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((prompt, work(prompt)))
            except BaseException as error:
                done.put((prompt, error))

    for number in range(min(at_once, len(prompts))):
        threading.Thread(target=take_turns, name=f"asking-{number}", daemon=True).start()
    try:
        for _ in prompts:
            prompt, result = done.get()
            if isinstance(result, BaseException) and not isinstance(result, ModelError):
                raise result
            yield prompt, result
    finally:
        ended.set()


def _request(generation: Generation, prompt: str) -> str:
    return digest(generation.model, prompt)


def tokens_of(answers: Sequence[Answer]) -> Mapping[str, int]:
    """The sums of tokens in and out, as far as the server counts them."""
    return {name: sum(getattr(answer, name) for answer in answers) for name in ("tokens_in", "tokens_out")}
