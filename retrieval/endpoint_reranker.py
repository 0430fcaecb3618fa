"""A cross-encoder that a server runs, asked in the form of Jina, Cohere and vLLM, or in that of TEI."""

import math
import re
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from retrieval.endpoint_settings import RERANK_KEY, checked_url, key_in_environment, variable_of
from retrieval.endpoints import Advice, Batches, JsonEndpoint, RefusedError
from retrieval.endpoints.answers import items_of, json_of
from retrieval.errors import ModelError, RerankerUnavailableError

KEY_VARIABLE = variable_of(RERANK_KEY)

_BATCH_TEXTS = 128
"""A search has 100 candidates, which some servers charge as one request; for others it is halved until they take it."""

_REQUESTS = 4
_SECONDS = 60.0
_PATIENCE = 10.0
"""Seconds for which someone who searches waits for a server that does not answer."""

_OTHER_FIELD = {"documents": "texts", "texts": "documents"}
"""How the passages are called: `documents` by most, `texts` by TEI."""

_ADVICE = Advice(
    verb="rerank",
    unavailable=RerankerUnavailableError,
    meanwhile="or search without `rerank`",
    address="Check the address that `rerank` gives",
    request="Check the address that `rerank` gives, and name a model that is there: URL#MODEL",
    too_long="Choose a model that reads longer texts, or index with a smaller chunk_size",
    key=f"Check the key in {KEY_VARIABLE}",
    no_key=f"Set {KEY_VARIABLE}",
)


def is_address(name: str) -> bool:
    """Whether `rerank` means a server rather than a model that runs here."""
    return name.strip().lower().startswith(("http://", "https://"))


class EndpointReranker:
    """A `retrieval.types.Reranker`. Threads may share it; all of them together make four requests at once.

    name   of the model, for messages and clients; "reranker" where the address names none
    """

    def __init__(self, url: str, *, model: str, key: SecretStr | None, pause: float) -> None:
        """`model` is "" for a server that has one alone. `pause` as in JsonEndpoint."""
        self.name = model or "reranker"
        self._model = {"model": model} if model else {}
        self._field = "documents"
        self._sent = Batches(texts=_BATCH_TEXTS, requests=_REQUESTS)
        self._server = JsonEndpoint(
            url,
            name=self.name,
            key=key,
            mark=b'score"',
            advice=_ADVICE,
            seconds=_SECONDS,
            at_once=_REQUESTS,
            pause=pause,
        )

    @classmethod
    def load(cls, address: str, *, pause: float = 0.25) -> Self:
        """The server at `URL` or `URL#MODEL`, with the key in $RETRIEVAL_RERANK_API_KEY. It is not asked yet.

        Raises ModelError for an address that is none, ConfigError for a key that cannot be sent.
        """
        url, _, model = address.partition("#")
        try:
            url = checked_url(url, example="https://host/v1/rerank or https://host/v1/rerank#MODEL", key=KEY_VARIABLE)
        except ValueError as error:
            raise ModelError(f"rerank: {error}.") from None
        return cls(url, model=model.strip(), key=key_in_environment(RERANK_KEY), pause=pause)

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n], as the server gives them; higher is better. Texts that are too long are cut by most servers.

        Raises RerankerUnavailableError where the server does not answer, ModelError where it refuses or its answer is
        of no use.
        """
        if not passages:
            return np.empty(0, dtype=np.float64)
        size = self._sent.texts
        batches = [passages[start : start + size] for start in range(0, len(passages), size)]
        return self._sent.rows(batches, lambda batch: self._score(query, batch))

    def _score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        return self._server.ask(
            lambda: self._post(query, passages), lambda body: scores_of(body, count=len(passages)), patience=_PATIENCE
        )

    def _post(self, query: str, passages: Sequence[str]) -> bytes:
        """Calls the passages as the server did last; otherwise where it misses that name."""
        field = self._field
        other = _OTHER_FIELD[field]
        try:
            return self._server.post(self._asked(field, query, passages))
        except RefusedError as error:
            if not _misses(other, error):
                raise
            refusal = error
        try:
            body = self._server.post(self._asked(other, query, passages))
        except RefusedError as error:
            if _misses(field, error):  # neither will do
                raise refusal from None
            self._field = other
            raise
        self._field = other
        return body

    def _asked(self, field: str, query: str, passages: Sequence[str]) -> dict[str, Any]:
        asked = {**self._model, "query": query, field: list(passages)}
        if field == "texts":
            return {**asked, "truncate": True}
        return {**asked, "top_n": len(passages), "return_documents": False}


def scores_of(body: bytes, *, count: int) -> NDArray[np.float64]:
    """float64 [count], in the order in which the passages were sent: what the answer, or its `results`, says of each
    `index` as `relevance_score` or `score`.

    Raises ValueError, in words that follow "the server answers", for anything else.
    """
    answer = json_of(body)
    listed = answer.get("results") if isinstance(answer, dict) else answer
    items = items_of(listed, count=count, what="scores", asked="passages")
    scores = dict(map(_indexed, items))
    if scores.keys() != set(range(count)):
        raise ValueError("scores that cannot be told to belong to one passage each")
    return np.array([scores[index] for index in range(count)], dtype=np.float64)


def _indexed(item: Any) -> tuple[int, float]:
    values = item if isinstance(item, dict) else {}
    index, score = values.get("index"), values.get("relevance_score", values.get("score"))
    if type(index) is not int:
        raise ValueError("scores without the index of a passage")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError("scores that are no numbers")
    return index, float(score)


def _misses(field: str, refusal: RefusedError) -> bool:
    return refusal.status in {400, 422} and re.search(rf"\b{field}\b", refusal.words) is not None
