"""The texts that all systems are given alike, and what counts their tokens."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from ingest.loaders import load
from ingest.scan import scan
from ingest.splitting.splitter import TokenBudgetSplitter
from retrieval.encoders import Embedder, find_model
from retrieval.errors import RetrievalError

_LARGEST_FILE = 1_000_000  # bytes


def read_documents(paths: Sequence[Path], *, most: int | None) -> list[str]:
    """The documents of collections in BEIR's format (`corpus.jsonl`), and the texts of other folders' files.

    most   this many, taken evenly from all; None takes all.
    """
    texts = [text for path in paths for text in (_of_collection if _corpus(path).is_file() else _of_folder)(path)]
    if not texts:
        raise SystemExit(f"{' '.join(map(str, paths))}: no documents.")
    if most is not None and most < len(texts):
        return [texts[number * len(texts) // most] for number in range(most)]
    return texts


def write_folder(documents: Sequence[str], folder: Path) -> None:
    """A text file each."""
    folder.mkdir()
    for number, document in enumerate(documents):
        (folder / f"{number:06}.txt").write_text(document, "utf-8")


def sample_of_chunks(documents: Sequence[str], embedder: Embedder, *, prefix: str, tokens: int) -> list[str]:
    """Chunks of up to the model's limit, drawn from all documents until they have that many tokens."""
    split = TokenBudgetSplitter(embedder.tokenizer, max_tokens=embedder.max_seq_length, prefix=prefix).split_text
    sample: list[str] = []
    for document in random.Random(0).sample(documents, len(documents)):
        for chunk in split(document):
            sample.append(chunk)
            tokens -= embedder.count_tokens(prefix + chunk)
        if tokens <= 0:
            break
    return sample


def packaged_tokenizer() -> Tokenizer:
    """The default model's; it reads all of a text, and adds nothing."""
    tokenizer = Tokenizer.from_file(str(find_model("packaged") / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _corpus(path: Path) -> Path:
    return path / "corpus.jsonl"


def _of_collection(directory: Path) -> Iterator[str]:
    with _corpus(directory).open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            text = "\n\n".join(filter(None, (document.get("title"), document["text"])))
            if text.strip():
                yield text


def _of_folder(folder: Path) -> Iterator[str]:
    for file in scan(folder.resolve(), max_bytes=_LARGEST_FILE).files:
        try:
            text = load(Path(file.path).read_bytes(), source=file.source).text
        except RetrievalError:  # an image, say
            continue
        if text.strip():
            yield text
