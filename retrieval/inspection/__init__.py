"""What an index holds: figures, documents that are alike, and how good its vectors are."""
