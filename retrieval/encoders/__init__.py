"""Text -> unit vectors: prefixes and token counts explicit, the model run by what is fastest here, or by a server."""

from retrieval.encoders.embedder import Embedder, model_settings
from retrieval.encoders.endpoint_encoder import EndpointEncoder
from retrieval.encoders.local_encoder import LocalEncoder
from retrieval.encoders.model_files import PACKAGED, PASSED, find_model, hash_weights
from retrieval.encoders.sharing import shared_encoder

__all__ = [
    "PACKAGED",
    "PASSED",
    "Embedder",
    "EndpointEncoder",
    "LocalEncoder",
    "find_model",
    "hash_weights",
    "model_settings",
    "shared_encoder",
]
