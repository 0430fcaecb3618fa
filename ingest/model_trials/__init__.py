"""Trials of models on documents, each in a process of its own."""
