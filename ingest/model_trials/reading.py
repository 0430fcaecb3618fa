"""A folder, a collection or an index -> the material that models are compared on."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.model_trials.folder_documents import folder_documents
from ingest.model_trials.stored_documents import stored_documents
from ingest.parser_pool import Parsers
from ingest.scan import scan
from retrieval.config import Config
from retrieval.directory.pointer import POINTER
from retrieval.errors import ConfigError
from retrieval.evaluation.collection import Collection, Resolved, read_collection, read_corpus, resolve
from retrieval.evaluation.judgements import Judgements
from retrieval.index import HybridIndex
from retrieval.model_comparison.known_items import make_known_items
from retrieval.model_comparison.passages import sections
from retrieval.model_comparison.sampling import CHARACTERS_A_DOCUMENT, LONGEST, answerable, reading_order, taken
from retrieval.model_comparison.trial import Material
from retrieval.types import Document
from retrieval.words import counted

OnRead = Callable[[int], None]
"""Is told how many documents have been read."""

_CORPUS = "corpus.jsonl"


@dataclass(slots=True)
class _Documents:
    """Where documents come from: the names of all; those of some, when they are asked for; and of what was asked for,
    what could not be read and what is no document. `folder` is what names begin with that belong to one folder."""

    names: Sequence[str]
    read: Callable[[Sequence[str]], Generator[Document]]
    folder: str | None = None
    failed: dict[str, str] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)


def settings_of_index(path: Path) -> Config | None:
    """What an index at this path was made with; None where there is none."""
    if not (path / POINTER).is_file():
        return None
    with HybridIndex.open(path, read_only=True) as index:
        return index.config


def read_material(
    path: Path,
    *,
    judgements: Judgements | None,
    split: str,
    sample: int,
    seed: int,
    config: Config,
    exclude: Sequence[str] = (),
    pool: Parsers | None = None,
    on_read: OnRead = lambda documents: None,
) -> Material:
    """Read documents, and questions to them: those that were judged, else known items.

    judgements   to the documents of a folder or an index; a collection in BEIR's layout has its own
    sample       documents at most, as in `sampling`; 0 takes all
    seed         of everything that is drawn
    config       how folders are read
    exclude      more gitignore patterns of files that are no documents
    pool         parses files; None starts processes for this alone

    Raises ConfigError where there is nothing to compare on.
    """
    if judgements is None and (path / "queries.jsonl").is_file() and (path / _CORPUS).is_file():
        collection = read_collection(path, split=split)
        judgements = Judgements(collection.queries, collection.qrels)
    with _opened(path, config, exclude, pool) as documents:
        if not documents.names:
            raise ConfigError(f"{path} holds no documents that could be read; name a folder that does.")
        resolved = None
        if judgements is not None:
            resolved = resolve(Collection((), *judgements), documents.names, folder=documents.folder)
        qrels = {} if resolved is None else resolved.collection.qrels
        found: dict[str, Document] = {}
        with closing(documents.read(reading_order(documents.names, qrels, seed=seed))) as read:
            for document in taken(read, most=sample) if sample else read:
                if document.text.strip():
                    found[document.source] = document
                    on_read(len(found))
                else:
                    documents.skipped.add(document.source)
    if not found:
        reason = _example(documents.failed) if documents.failed else "no file there holds text"
        raise ConfigError(f"Nothing in {path} could be read: {reason}. Name a folder with documents.")
    kept = [found[name] for name in documents.names if name in found]
    unread = set(documents.names) - found.keys() - documents.failed.keys() - documents.skipped
    notes = _notes_on_reading(kept, unread, documents.failed, sample=sample)
    material = Material(path.resolve().name, tuple(kept), tuple(_sections(kept)), {}, {}, "none", notes)
    if resolved is None:
        return _with_known_items(material, seed=seed)
    return _with_judged(material, resolved, unread=unread)


def _with_known_items(material: Material, *, seed: int) -> Material:
    items = make_known_items(material.documents, seed=seed)
    if not items.queries:
        return material
    made_of = (counted(items.headings, "heading"), counted(items.sentences, "first sentence"))
    notes = (
        *material.notes,
        "No questions were given, so that some were made: "
        f"{' and '.join(kind for kind in made_of if not kind.startswith('0 '))}, each taken out of one of "
        f"{counted(len(items.documents), 'passage')} that it then has to find.",
        *_note_on_copies(len(material.documents), items.documents),
    )
    return replace(
        material, documents=items.documents, queries=items.queries, qrels=items.qrels, kind="known-item", notes=notes
    )


def _note_on_copies(documents: int, passages: Sequence[Document]) -> Iterator[str]:
    left = documents - len({passage.source.rpartition("#")[0] for passage in passages})
    if left:
        yield f"{counted(left, 'document')} that repeat others, or are all headings, are left out of what is searched."


def _with_judged(material: Material, resolved: Resolved, *, unread: set[str]) -> Material:
    judged = resolved.collection
    qrels = answerable(judged.qrels, unread)
    notes = list(material.notes)
    if resolved.missing:
        notes.append(
            f"{len(resolved.missing):,} of {len(resolved.sources):,} judged documents are not there, such as "
            f"{resolved.missing[0]}; they count as not found."
        )
    if len(qrels) < len(judged.qrels):
        notes.append(
            f"{len(qrels):,} of {counted(len(judged.qrels), 'question')} are asked: those whose answers are all among "
            "the documents that are compared on."
        )
    if not any(relevance > 0 for documents in qrels.values() for relevance in documents.values()):
        raise ConfigError("No judged question has all its answers in the sample; take more documents with --sample.")
    queries = {query: judged.queries[query] for query in qrels}
    return replace(material, queries=queries, qrels=qrels, kind="judged", notes=tuple(notes))


def _notes_on_reading(
    kept: Sequence[Document], unread: set[str], failed: Mapping[str, str], *, sample: int
) -> tuple[str, ...]:
    notes = []
    if unread:
        notes.append(
            f"{len(kept):,} of {len(kept) + len(unread) + len(failed):,} documents are compared on, drawn at random "
            f"until there are {sample:,}, or {sample * CHARACTERS_A_DOCUMENT:,} characters. Among fewer documents all "
            "models find things more easily; --sample takes more, and --sample 0 all."
        )
    if long := sum(len(document.text) == LONGEST for document in kept):
        notes.append(f"Of {counted(long, 'long document')} the first {LONGEST:,} characters are taken.")
    if failed:
        notes.append(f"{counted(len(failed), 'file')} could not be read, such as {_example(failed)}.")
    return tuple(notes)


def _example(failed: Mapping[str, str]) -> str:
    first = min(failed)
    return f"{first}: {failed[first].partition(';')[0].rstrip('.')}"


def _sections(documents: Iterable[Document]) -> Iterator[str]:
    for document in documents:
        for section in sections(document):
            yield section.text


@contextmanager
def _opened(path: Path, config: Config, exclude: Sequence[str], pool: Parsers | None) -> Iterator[_Documents]:
    if (path / POINTER).is_file():
        with HybridIndex.open(path, read_only=True) as index:
            searcher = index.searcher()
            names = [record.source for record in searcher.searchable()]
            folders = list(searcher.folders())
            folder = folders[0] if len(folders) == 1 else None
            yield _Documents(names, lambda order: stored_documents(searcher, order), folder)
    elif (path / _CORPUS).is_file():
        by_name = {document.source: document for document in read_corpus(path / _CORPUS)}
        yield _Documents(list(by_name), lambda order: (by_name[name] for name in order))
    else:
        exclude = (*config.exclude, *exclude)
        scanned = scan(path, include=config.include, exclude=exclude, max_bytes=config.max_file_bytes)
        files = {file.source: file for file in scanned.files}
        failed, skipped = dict(scanned.failed), set[str]()

        def read(order: Sequence[str]) -> Generator[Document]:
            chosen = [files[name] for name in order]
            return folder_documents(chosen, config, pool=pool, failed=failed, skipped=skipped)

        yield _Documents(list(files), read, scanned.name, failed, skipped)
