"""The truth: an open Chroma, embedded or a server, and the rows that it stores."""
