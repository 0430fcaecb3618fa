"""Training the embedding model on an index's own documents."""
