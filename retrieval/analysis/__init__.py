"""Text -> terms for BM25."""

from retrieval.analysis.analyzer import RULES_VERSION, Analyzer

__all__ = ["RULES_VERSION", "Analyzer"]
