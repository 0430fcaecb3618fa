"""Models that a server runs: requests to it in batches, made again where it fails for reasons that may pass."""

from retrieval.endpoints.batches import Batches
from retrieval.endpoints.failures import Advice, BatchRefusedError, RefusedError
from retrieval.endpoints.json_endpoint import JsonEndpoint

__all__ = ["Advice", "BatchRefusedError", "Batches", "JsonEndpoint", "RefusedError"]
