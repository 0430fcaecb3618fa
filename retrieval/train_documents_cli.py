"""What `retrieve train` reads: documents as an index, judged questions to them, and questions to other documents."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text as Line

from retrieval.console import err
from retrieval.errors import ConfigError, DocumentError
from retrieval.evaluation_cli import local_settings, patterns_within
from retrieval.words import counted

if TYPE_CHECKING:
    from ingest.parser_pool import Parsers
    from ingest.report import SyncReport
    from retrieval.evaluation.judgements import Judgements
    from retrieval.index import HybridIndex
    from retrieval.training.unseen import Unseen

log = logging.getLogger(__name__)

_SAMPLE = 1500
"""So many of the other documents are searched at most."""


def check_place(documents: Path, output: Path) -> None:
    """Raises ConfigError where the output is within the documents, or in the index."""
    if not is_collection(documents) and output.resolve().is_relative_to(documents.resolve()):
        raise ConfigError(f"{output} would be in {documents}, among what is trained on; name an output elsewhere.")


def is_collection(path: Path) -> bool:
    """Whether it is a directory in BEIR's layout."""
    from retrieval.directory.pointer import POINTER

    return (path / "corpus.jsonl").is_file() and not (path / POINTER).is_file()


def read_judged(
    documents: Path, *, queries: Path | None, qrels: Path | None, split: str | None, ignore: bool
) -> "Judgements | None":
    """The judgements of the given files, else of a collection: those of `split`, else of "train", else the only ones.
    Documents have the names of the files. None without judgements. Raises ConfigError."""
    from retrieval.evaluation import read_judgements
    from retrieval.evaluation.judgements import Judgements

    if (queries is None) != (qrels is None):
        raise ConfigError("--queries and --qrels go together: the questions, and the documents that answer them.")
    if split is not None and (queries is not None or ignore or not is_collection(documents)):
        raise ConfigError("--split is for the judgements of a collection in BEIR layout, and none are read.")
    if ignore and (queries is not None or not is_collection(documents)):
        raise ConfigError("--ignore-judgements is for a collection in BEIR layout, without --queries and --qrels.")
    if queries is not None and qrels is not None:
        return Judgements(*read_judgements(queries, qrels))
    if ignore or not is_collection(documents) or not (chosen := _split(documents, split, preferred="train")):
        return None
    judgements = read_judgements(documents / "queries.jsonl", documents / "qrels" / f"{chosen}.tsv")
    asked = counted(len(judgements.queries), "judged question")
    said = f"Training uses {asked} of qrels/{chosen}.tsv, without those that are held out"
    err.print(Line(f"{said}; with --ignore-judgements it uses the documents alone."))
    return judgements


def _split(directory: Path, given: str | None, *, preferred: str) -> str | None:
    """The name of a file of judgements; None where there are none."""
    splits = sorted(path.stem for path in (directory / "qrels").glob("*.tsv"))
    if given is None and (not splits or not (directory / "queries.jsonl").is_file()):
        return None
    chosen = given or (preferred if preferred in splits or len(splits) > 1 else splits[0])
    if chosen not in splits:
        has = f"has the splits {', '.join(splits)}" if splits else "has none"
        raise ConfigError(f"{directory} has no qrels/{chosen}.tsv; it {has}. Name one with --split.")
    return chosen


@contextmanager
def opened_documents(
    documents: Path, *, output: Path, config: Path | None, files: Sequence[Path], pool: "Parsers | None"
) -> "Iterator[tuple[HybridIndex, str | None]]":
    """The index, and the name of its folder if it has one. Other documents, except for `files`, are indexed in
    OUTPUT.index. Raises ConfigError where there are no documents, or the model cannot be trained."""
    from retrieval.directory.pointer import POINTER
    from retrieval.index import HybridIndex
    from retrieval.training.trainable import check_trainable

    if (documents / POINTER).is_file():
        with HybridIndex.open(documents, config=config, read_only=True) as index:
            check_trainable(index.config)
            folders = list(index.folders())
            _check_documents(index, documents)
            yield index, folders[0] if len(folders) == 1 else None
        return
    if not documents.is_dir():
        raise ConfigError(f"{documents} is no directory; name an index, a folder or a collection in BEIR layout.")
    kept = output.with_name(f"{output.name}.index")
    with HybridIndex.open(kept, config=local_settings(kept, config)) as index:
        check_trainable(index.config)
        if is_collection(documents):
            report, folder = _added(documents, index), ""
        else:
            report, folder = _synced(documents, index, files, pool), documents.resolve().name
        if report.failed:
            source, reason = report.failed[0]
            failed = counted(len(report.failed), "document")
            log.warning("%s could not be indexed, such as %s: %s", failed, source, reason)
        _check_documents(index, documents)
        yield index, folder or None


def _synced(documents: Path, index: "HybridIndex", files: Sequence[Path], pool: "Parsers | None") -> "SyncReport":
    from ingest.progress import showing_progress
    from ingest.sync import sync

    check_holds_only(index, documents, folder=documents.resolve().name, own=())
    exclude = (*index.config.exclude, *patterns_within(documents, files))
    with showing_progress() as on_progress:
        return sync(documents, index, exclude=exclude, pool=pool, on_progress=on_progress)


def _added(documents: Path, index: "HybridIndex") -> "SyncReport":
    from ingest.adding import add
    from ingest.progress import showing_progress
    from retrieval.evaluation.collection import read_corpus

    corpus = list(read_corpus(documents / "corpus.jsonl"))
    check_holds_only(index, documents, folder="", own={document.source for document in corpus})
    with showing_progress() as on_progress:
        return add(corpus, index, on_progress=on_progress)


def check_holds_only(index: "HybridIndex", documents: Path, *, folder: str, own: "set[str] | tuple[()]") -> None:
    """Raises ConfigError for an index that holds other documents, which would be trained on, too."""
    for record in index.documents():
        if record.folder != folder or not (folder or record.source in own):
            raise ConfigError(
                f"{index.path} holds documents that are not of {documents}, such as {record.source}; remove it, or "
                "name another output."
            )


def _check_documents(index: "HybridIndex", documents: Path) -> None:
    if not index.searcher().searchable():
        raise ConfigError(f"{documents} holds no documents that could be read; name an index or a folder that does.")


def resolved_judgements(judged: "Judgements", index: "HybridIndex", *, folder: str | None) -> "Judgements":
    """The judgements with the index's own names of documents. Raises ConfigError."""
    from retrieval.evaluation import Collection, resolve
    from retrieval.evaluation.judgements import Judgements

    sources = [record.source for record in index.searcher().searchable()]
    resolved = resolve(Collection((), *judged), sources, folder=folder)
    if resolved.missing:
        log.warning("%d judged documents are not in the index, such as %s.", len(resolved.missing), resolved.missing[0])
    return Judgements(resolved.collection.queries, resolved.collection.qrels)


def questions_elsewhere(path: Path, index: "HybridIndex", *, seed: int, pool: "Parsers | None") -> "Unseen":
    """Questions to a sample of other documents (an index, a folder or a collection), which are chunked as in the index:
    judged ones of a collection, else made ones. Raises ConfigError where there are none."""
    from ingest.documents import language_of
    from ingest.model_trials.reading import read_material
    from ingest.pipeline import chunk_settings
    from retrieval.training.made_pairs import Text
    from retrieval.training.unseen import Unseen

    split = _split(path, None, preferred="test") if is_collection(path) else None
    material = read_material(
        path, judgements=None, split=split or "test", sample=_SAMPLE, seed=seed, config=index.config, pool=pool
    )
    if material.kind == "none":
        raise ConfigError(f"No question can be made from {path}; name documents with headings or sentences.")
    chunker, texts = chunk_settings(index).chunker(), []
    for document in material.documents:
        with suppress(DocumentError):  # it is not found, by neither model
            language = language_of(document, index.config.language)
            texts += [Text(chunk, language) for chunk in chunker.chunk(document)]
    return Unseen(tuple(texts), material.queries, material.qrels, material.kind)
