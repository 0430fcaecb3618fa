"""The commit protocol: how documents are written to Chroma and to segments."""
