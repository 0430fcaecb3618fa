"""A cross-encoder as a file that runs without torch, made once a model and kept in the user's cache.

~/.cache/hybrid-retrieval/WEIGHTS-KEY/
    model.onnx        token ids, mask and types -> score, the model's activation included, in full precision
    model.onnx.data   its weights
    export.json       PairInfo
    files.json        the seal of these files: where one is altered, all are made again
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.cross_encoders.pair_scores import PairScores
from retrieval.cross_encoders.torch_model import TorchCrossEncoder
from retrieval.encoders.batches import Batch, batches, padded
from retrieval.encoders.encoding import run_batches
from retrieval.encoders.export import SAMPLE
from retrieval.encoders.export_cache import cache_key, find_export, make_export
from retrieval.encoders.onnx_file import example_inputs, write_onnx
from retrieval.encoders.runtime import INPUTS, TYPES, OnnxRuntime
from retrieval.errors import ModelError
from retrieval.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from tokenizers import Encoding

_SCORE = "score"

_FORMAT = "cross-encoder 1"
"""Part of the cache's names: files that were made otherwise are not found."""

_AGREES = 1e-3
"""How far scores may lie from torch's, as a share of the distance between the sample's highest and lowest."""

_NO_LIMIT = 1_000_000
"""transformers' "no limit known" is 1e30."""


@dataclass(frozen=True, slots=True)
class PairInfo:
    """What feeds the model.

    tokenizer   in JSON, with the truncation of pairs that sentence-transformers sets, without padding
    padding     the token that fills up a pair
    types       whether the model is told which text a token belongs to
    """

    tokenizer: str
    padding: int
    types: bool


class ExportedCrossEncoder:
    """A `PairScorer`, without torch. Threads may share it."""

    def __init__(self, directory: Path, info: PairInfo) -> None:
        from tokenizers import Tokenizer

        self._info = info
        self._tokenizer = Tokenizer.from_str(info.tokenizer)
        truncation = self._tokenizer.truncation
        self.max_seq_length: int | None = truncation["max_length"] if truncation is not None else None
        self._runtime = OnnxRuntime(directory / "model.onnx")

    @classmethod
    def find(cls, key: str) -> "ExportedCrossEncoder | None":
        """None where there is none, or a file is not as it was written; then a warning is logged."""
        directory = find_export(key)
        if directory is None:
            return None
        try:
            return cls(directory, PairInfo(**json.loads((directory / "export.json").read_text("utf-8"))))
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def make(cls, key: str, torch_model: TorchCrossEncoder) -> "ExportedCrossEncoder | None":
        """None, with a line in the log, where the model cannot be exported, its export scores otherwise, or the cache
        cannot be written: it is then run by torch."""

        def write(directory: Path) -> None:
            info = _info_of(torch_model.model)
            _check_tokens(torch_model.model, info)
            read = _write_onnx(torch_model.model, directory / "model.onnx", types=info.types)
            info = replace(info, types=TYPES in read)
            _check_scores(cls(directory, info), torch_model)
            (directory / "export.json").write_text(json.dumps(asdict(info)), "utf-8")

        return cls.find(key) if make_export(key, write) else None

    def score(self, query: str, passages: Sequence[str]) -> PairScores:
        encoded = self._tokenizer.encode_batch_fast([(query, passage) for passage in passages])
        planned = batches(
            [pair.ids for pair in encoded],
            tokens=self._runtime.batch_tokens,
            padding=self._info.padding,
            limit=self.max_seq_length or _NO_LIMIT,
            mixes=self._runtime.mixes,
        )
        scores = run_batches(planned, lambda batch: self._run(batch, encoded))[:, 0]
        return PairScores(scores.astype(np.float64), truncated=sum(bool(pair.overflowing) for pair in encoded))

    def _run(self, batch: Batch, encoded: Sequence["Encoding"]) -> Vectors:
        if not self._info.types:
            return self._runtime.run(batch.ids, batch.mask)
        types = [encoded[place].type_ids for place in batch.places]
        return self._runtime.run(batch.ids, batch.mask, padded(types, length=batch.ids.shape[1], padding=0))


def key_of(model: Path, *, weights: str) -> str:
    """Names the cache of a model by its weights and its configuration."""
    return cache_key(model, weights=weights, made_with=f"{_FORMAT} {weights}")


def _info_of(model: "CrossEncoder") -> PairInfo:
    """Raises ModelError where tokens cannot be those that torch is given."""
    fast = getattr(model.tokenizer, "backend_tokenizer", None)
    if fast is None:
        raise ModelError("it has no fast tokenizer")
    tokenizer = type(fast).from_str(fast.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    limit = model.max_seq_length
    if limit is not None and limit < _NO_LIMIT:
        tokenizer.enable_truncation(int(limit), strategy="longest_first", direction=model.tokenizer.truncation_side)
    return PairInfo(
        tokenizer=tokenizer.to_str(),
        padding=int(model.tokenizer.pad_token_id or 0),
        types=TYPES in model.preprocess([("a", "b")]),
    )


def _pairs_of_sample() -> Iterable[tuple[str, list[str]]]:
    """Queries, short and long, each with its passages."""
    return [(query, list(SAMPLE)) for query in SAMPLE[:2]]


def _check_tokens(model: "CrossEncoder", info: PairInfo) -> None:
    """Raises ModelError where pairs, among them such as are cut, become other tokens than torch is given."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(info.tokenizer)
    long = "word " * (tokenizer.truncation["max_length"] if tokenizer.truncation is not None else 0)
    pairs = [(query, passage) for query, passages in _pairs_of_sample() for passage in (*passages, long)]
    pairs += [(long, SAMPLE[0]), (long, long)]
    given = model.preprocess(pairs)
    if others := given.keys() - {*INPUTS, TYPES, "modality"}:
        raise ModelError(f"it reads more than tokens: {', '.join(sorted(others))}")
    for row, pair in enumerate(tokenizer.encode_batch(pairs)):
        length = int(given[INPUTS[1]][row].sum())
        same = given[INPUTS[0]][row][:length].tolist() == pair.ids
        if not same or (info.types and given[TYPES][row][:length].tolist() != pair.type_ids):
            raise ModelError("its tokenizer does more than tokenizer.json says")


def _check_scores(exported: ExportedCrossEncoder, torch_model: TorchCrossEncoder) -> None:
    """Raises ModelError where they would rank otherwise."""
    found, expected = (
        np.concatenate([scorer.score(query, passages).scores for query, passages in _pairs_of_sample()])
        for scorer in (exported, torch_model)
    )
    furthest = np.abs(found - expected).max()
    if not furthest <= _AGREES * np.ptp(expected):  # neither for what is no number
        raise ModelError(f"what is exported gives other scores, {furthest:.5f} from torch's")


def _write_onnx(model: "CrossEncoder", file: Path, *, types: bool) -> frozenset[str]:
    import torch

    class ScoresOf(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            features = dict(zip(names, given, strict=True))
            scores: torch.Tensor = model.activation_fn(self.model(features)["scores"])
            return scores

    ids, mask = example_inputs()
    second = (torch.arange(ids.shape[1]) > 3).long() * mask
    names = (*INPUTS, TYPES) if types else INPUTS
    return write_onnx(ScoresOf(), file, inputs=dict(zip(names, (ids, mask, second), strict=False)), output=_SCORE)
