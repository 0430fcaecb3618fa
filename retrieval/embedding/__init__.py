"""Text -> unit vectors: prefixes and token counts explicit, and the model run by what runs it fastest here."""

from retrieval.embedding.embedder import Embedder
from retrieval.embedding.model_files import find_model, hash_weights

__all__ = ["Embedder", "find_model", "hash_weights"]
