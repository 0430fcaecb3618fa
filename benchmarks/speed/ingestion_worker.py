"""One peer's part, in the Python environment that it lives in: a folder of text files -> something to search.

    python -m benchmarks.speed.ingestion_worker SYSTEM FOLDER MODEL SCRATCH OUTCOME      ingestion.py starts it so

Each is used as its own documentation begins, with our model: LangChain's Chroma is on disk, LlamaIndex's and txtai's
indexes are in memory. OUTCOME is a JSON file: the seconds from loaded model and texts to index, the strings that were
embedded, and versions.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

Build = Callable[[list[str]], list[str]]
"""Documents -> the strings that were embedded, when all can be searched."""


def main() -> None:
    system, folder, model, scratch, outcome = sys.argv[1:]
    load, packages = SYSTEMS[system]
    build = load(model, scratch)
    texts = [path.read_text("utf-8") for path in sorted(Path(folder).iterdir())]
    started = time.perf_counter()
    embedded = build(texts)
    seconds = time.perf_counter() - started
    versions = {package: version(package) for package in packages}
    Path(outcome).write_text(json.dumps({"work": seconds, "embedded": embedded, "versions": versions}), "utf-8")


def langchain(model: str, scratch: str) -> Build:
    """Documents are embedded whole, as far as the model reads; there is no BM25."""
    from langchain_chroma import Chroma
    from langchain_huggingface import HuggingFaceEmbeddings

    embeddings = HuggingFaceEmbeddings(model_name=model)

    def build(texts: list[str]) -> list[str]:
        Chroma.from_texts(texts, embeddings, persist_directory=scratch)
        return texts

    return build


def llamaindex(model: str, scratch: str) -> Build:
    """Chunks of 256 tokens, as its splitter counts them, that share none, as ours do."""
    import Stemmer
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.schema import MetadataMode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.retrievers.bm25 import BM25Retriever

    embedding = HuggingFaceEmbedding(model)
    splitter = SentenceSplitter(chunk_size=256, chunk_overlap=0)

    def build(texts: list[str]) -> list[str]:
        nodes = splitter.get_nodes_from_documents([Document(text=text) for text in texts])
        VectorStoreIndex(nodes, embed_model=embedding)
        BM25Retriever(nodes, similarity_top_k=min(10, len(nodes)), stemmer=Stemmer.Stemmer("english"))
        return [node.get_content(MetadataMode.EMBED) for node in nodes]

    return build


def txtai(model: str, scratch: str) -> Build:
    """Documents are embedded whole, as far as the model reads."""
    from txtai import Embeddings

    embeddings = Embeddings(hybrid=True, path=model)

    def build(texts: list[str]) -> list[str]:
        embeddings.index(texts)
        return texts

    return build


SYSTEMS: dict[str, tuple[Callable[[str, str], Build], tuple[str, ...]]] = {
    "LangChain": (langchain, ("langchain-chroma", "langchain-huggingface", "chromadb")),
    "LlamaIndex": (llamaindex, ("llama-index-core", "llama-index-retrievers-bm25")),
    "txtai": (txtai, ("txtai",)),
}

if __name__ == "__main__":
    main()
