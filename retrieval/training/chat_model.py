"""A language model on a server with OpenAI's POST /chat/completions, such as Ollama, vLLM, llama.cpp and LM Studio."""

from typing import Any, NamedTuple

from pydantic import SecretStr

from retrieval.endpoint_settings import CHAT_KEY, variable_of
from retrieval.endpoints import Advice, JsonEndpoint, RefusedError
from retrieval.endpoints.answers import json_of
from retrieval.endpoints.failures import words_of_error
from retrieval.errors import ChatUnavailableError, ModelError

PATH = "/chat/completions"

AT_ONCE = 4
"""The most requests at the same time."""

_SECONDS = 300.0
"""The time limit of an answer: a small machine writes a few tokens a second, and some models think first."""

_PATIENCE = 400.0
"""Seconds for which a request is repeated: long enough for a second try after one that timed out, and for limits of
requests or tokens a minute."""

_LIMITS = ("max_tokens", "max_completion_tokens")
"""The names of the limit of tokens: that of most servers, and OpenAI's for models that think."""

_CHECK = "Check the address and the name of the model"

_ADVICE = Advice(
    verb="write questions",
    unavailable=ChatUnavailableError,
    meanwhile="which asks only for what is missing",
    address="Check the address",
    request=_CHECK,
    too_long="Index with a smaller chunk_size, or take a model that reads more",
    key=f"Check the key (a file, or {variable_of(CHAT_KEY)})",
    no_key=f"Name a file that holds the key, or set {variable_of(CHAT_KEY)}",
)


class Answer(NamedTuple):
    """An answer of a language model.

    text        what the model says; what it thinks may come first, between tags
    is_cut      whether the answer ended at its limit of tokens
    tokens_in, tokens_out   as the server counts them; 0 if it does not
    """

    text: str
    is_cut: bool = False
    tokens_in: int = 0
    tokens_out: int = 0


class ChatModel:
    """A language model. Threads may share it; together they have AT_ONCE requests at the same time.

    Only the model, one message and the limit of tokens are sent: other parameters, such as a temperature, the number of
    answers or a format, are refused by some servers and ignored by others.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        key: SecretStr | None,
        max_tokens: int,
        seconds: float = _SECONDS,
        patience: float = _PATIENCE,
        pause: float = 1.0,
    ) -> None:
        """`url` is the address without /chat/completions. `key`, `seconds` and `pause` are as in JsonEndpoint."""
        self._model = model
        self._max_tokens = max_tokens
        self._patience = patience
        self._limit = _LIMITS[0]
        self._has_answered = False
        self._place = f"{model} at {url}{PATH}"
        self._server = JsonEndpoint(
            f"{url}{PATH}",
            name=model,
            key=key,
            mark=b'"choices"',
            advice=_ADVICE,
            seconds=seconds,
            at_once=AT_ONCE,
            pause=pause,
        )

    def ask(self, prompt: str) -> Answer:
        """Raises ChatUnavailableError where the server does not answer in `patience` seconds, BatchRefusedError where
        it refuses the prompt, and ModelError where it refuses the request, its answer cannot be read, or no server is
        there."""
        answer = self._server.ask(lambda: self._post(prompt), answer_of, patience=self._patience)
        self._has_answered = True
        return answer

    def _post(self, prompt: str) -> bytes:
        """Names the limit of tokens as it was accepted last, and by its other name if the server refuses that."""
        from httpx import ConnectError

        limit = self._limit
        other = _LIMITS[1 - _LIMITS.index(limit)]
        try:
            return self._server.post(self._asked(prompt, limit))
        except ConnectError as error:
            if self._has_answered:
                raise
            # There never was a server, so there is no second try.
            raise ModelError(f"{self._place} cannot be reached: {words_of_error(error)}. {_CHECK}.") from None
        except RefusedError as error:
            if error.status not in {400, 422} or limit not in error.words:
                raise
            refusal = error
        try:
            body = self._server.post(self._asked(prompt, other))
        except RefusedError as error:
            if error.status in {400, 422} and other in error.words:  # neither will do
                raise refusal from None
            raise
        self._limit = other
        return body

    def _asked(self, prompt: str, limit: str) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            limit: self._max_tokens,
        }


def answer_of(body: bytes) -> Answer:
    """The first of the answer's `choices`. A message without content has the text "".

    Raises ValueError, in words that follow "the server answers", for anything else.
    """
    answer = json_of(body)
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("without a message")
    found = answer.get("usage")
    usage = found if isinstance(found, dict) else {}
    counts = (usage.get(name) for name in ("prompt_tokens", "completion_tokens"))
    tokens = [count if isinstance(count, int) else 0 for count in counts]
    return Answer(_text_of(message.get("content")), choice.get("finish_reason") == "length", *tokens)


def _text_of(content: Any) -> str:
    """Some servers give a list of parts, in which thoughts have another type than "text"."""
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict) and part.get("type") == "text")
        return "\n".join(text for part in parts if isinstance(text := part.get("text"), str))
    return content if isinstance(content, str) else ""
