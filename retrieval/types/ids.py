"""The ids of documents and chunks: hashes of what identifies them."""

import hashlib
from collections.abc import Sequence


def digest(*parts: str) -> str:
    """128 bits of BLAKE2b over the parts, as 32 hexadecimal digits; ("ab", "c") and ("a", "bc") differ."""
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()


def document_id(source: str) -> str:
    """32 hexadecimal digits, a hash of the source alone."""
    return digest(source)


def chunk_ids(source: str, texts: Sequence[str]) -> list[str]:
    """One id for each chunk of a document, given the chunks' texts in order.

    Each is a hash of the source, the text, and how often the same text came before. The position is no part of it, so a
    paragraph that moves within its document keeps its id.
    """
    seen: dict[str, int] = {}
    ids = []
    for text in texts:
        occurrence = seen[text] = seen.get(text, 0) + 1
        ids.append(digest(source, text, str(occurrence)))
    return ids
