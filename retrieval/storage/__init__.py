"""Chroma, which is the truth, and the snapshots of it that searches read."""
