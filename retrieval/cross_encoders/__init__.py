"""(query, passage) pairs -> scores, by a cross-encoder that runs on this machine."""

from retrieval.cross_encoders.reranker import CrossEncoderReranker
from retrieval.cross_encoders.torch_model import TorchCrossEncoder

__all__ = ["CrossEncoderReranker", "TorchCrossEncoder"]
