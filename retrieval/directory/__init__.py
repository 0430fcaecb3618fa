"""The index directory: its files, its pointer, and the lock of its writer."""
