"""txtai: Embeddings with `hybrid=True`.

Each side brings ten times what is asked for. Its words are Unicode's, with stop words and without stems, for which it
has no setting. Left to itself it lets the model read 512 tokens; `maxlength=True` is the 256 that the model was made
for. "Bayes" is the newer of its two ways to normalise BM25 scores, and fuses by log-odds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from txtai import Embeddings

from benchmarks.quality.system import DENSE, PREFIXES, Adapter, Document, Ranking

_STOP_WORDS: dict[str, Any] = {
    "maxlength": True,
    "scoring": {"method": "bm25", "terms": True, "normalize": True, "tokenizer": {"stopwords": True}},
}
_VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "stop words": _STOP_WORDS,
    "stop words, Bayes": {**_STOP_WORDS, "scoring": {**_STOP_WORDS["scoring"], "normalize": "bayes"}},
    "stop words, prefixes": {**_STOP_WORDS, "instructions": dict(zip(("query", "data"), PREFIXES, strict=True))},
}


class Txtai:
    settings = ("default", "dense .6")

    def __init__(self, variant: str, *, model: str, scratch: Path, k: int) -> None:
        self._embeddings = Embeddings(hybrid=True, path=model, **_VARIANTS[variant])

    def index(self, documents: Sequence[Document]) -> None:
        self._embeddings.index((document.id, document.whole, None) for document in documents)

    def search(self, query: str, k: int, *, setting: str) -> Ranking:
        return list(self._embeddings.search(query, k, weights=DENSE if setting == "dense .6" else None))


ADAPTER = Adapter(Txtai, ("txtai",), tuple(_VARIANTS))
