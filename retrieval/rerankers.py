"""The cross-encoders that an open index has loaded."""

import threading
from typing import TYPE_CHECKING

from retrieval.rerank import CrossEncoderReranker
from retrieval.types import Reranker

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class Rerankers:
    """Loads each cross-encoder once. Threads may share it."""

    def __init__(self, *, trust_remote_code: bool) -> None:
        self._trust_remote_code = trust_remote_code
        self._loaded: dict[str, Reranker] = {}
        self._loading = threading.Lock()

    def get(self, rerank: "str | Reranker | CrossEncoder | None") -> Reranker | None:
        """What `search(rerank=...)` takes, as a Reranker. Raises ModelError where none can be loaded."""
        if rerank is None or isinstance(rerank, Reranker):
            return rerank
        if not isinstance(rerank, str):
            return CrossEncoderReranker(rerank, name=type(rerank).__name__)
        with self._loading:
            if rerank not in self._loaded:
                self._loaded[rerank] = CrossEncoderReranker.load(rerank, trust_remote_code=self._trust_remote_code)
            return self._loaded[rerank]
