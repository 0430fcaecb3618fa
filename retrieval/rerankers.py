"""Rerankers by name: a cross-encoder that runs here, or the address of a server that has one."""

import threading
from typing import TYPE_CHECKING

from retrieval.cross_encoders import CrossEncoderReranker, TorchCrossEncoder
from retrieval.endpoint_reranker import EndpointReranker, is_address
from retrieval.types import Reranker

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


def load_reranker(name: str, *, trust_remote_code: bool = False) -> CrossEncoderReranker | EndpointReranker:
    """The cross-encoder of that name or directory, or the server at that address, which is not asked yet.

    Raises ModelError where there is none, ConfigError for a server's key that cannot be sent.
    """
    if is_address(name):
        return EndpointReranker.load(name)
    return CrossEncoderReranker.load(name, trust_remote_code=trust_remote_code)


class Rerankers:
    """Loads each reranker once. Threads may share it."""

    def __init__(self, *, trust_remote_code: bool) -> None:
        self._trust_remote_code = trust_remote_code
        self._loaded: dict[str, Reranker] = {}
        self._loading = threading.Lock()

    def get(self, rerank: "str | Reranker | CrossEncoder | None") -> Reranker | None:
        """What `search(rerank=...)` takes, as a Reranker. Raises as `load_reranker`."""
        if rerank is None or isinstance(rerank, Reranker):
            return rerank
        if not isinstance(rerank, str):
            return CrossEncoderReranker(TorchCrossEncoder(rerank), name=type(rerank).__name__)
        with self._loading:
            if rerank not in self._loaded:
                self._loaded[rerank] = load_reranker(rerank, trust_remote_code=self._trust_remote_code)
            return self._loaded[rerank]
