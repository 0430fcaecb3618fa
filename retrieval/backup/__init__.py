"""An index in one file, and Chroma restored from segments."""
