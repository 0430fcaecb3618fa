"""What is wrong with a shared index: rows and ledger against each other, and statistics against a recount, by pages."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple, cast

from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.rows import counts_of
from retrieval.words import counted


class Recount(NamedTuple):
    """What the rows of a generation say: the ids of passages, and what statistics should be."""

    ids: Counter[str]
    languages: Counter[str]
    length: int
    tokens: int
    terms: dict[str, dict[str, int]]


def recount(reader: SharedReader) -> Recount:
    """Reads all rows, without their texts and vectors."""
    ids: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    terms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    length = tokens = 0
    for row in reader.keys_where("", ("id", "language", "length", "terms", "metadata")):
        ids[row["id"]] += 1
        languages[row["language"]] += 1
        length += row["length"]
        tokens += row["metadata"]["tokens"]
        for term in counts_of(row):
            terms[term][row["language"]] += 1
    return Recount(ids, languages, length, tokens, {term: dict(counts) for term, counts in terms.items()})


def troubles(reader: object) -> Iterator[str]:
    """What is wrong, in words; nothing where all agrees. Takes memory for all ids and terms."""
    shared = cast(SharedReader, reader)
    if not shared.generation:
        return
    found, state = recount(shared), shared.shared
    named = Counter(id_ for record in shared.records for id_ in record.chunk_ids)
    if missing := len(named.keys() - found.ids.keys()):
        yield f"{counted(missing, 'chunk')} that the ledger names {'is' if missing == 1 else 'are'} not in Milvus"
    if stray := len(found.ids.keys() - named.keys()):
        yield f"{counted(stray, 'chunk')} in Milvus {'is' if stray == 1 else 'are'} named by no record of the ledger"
    if twice := sum(count > 1 for count in found.ids.values()):
        yield f"{counted(twice, 'chunk')} {'is' if twice == 1 else 'are'} in Milvus more than once"
    totals = (found.ids.total(), found.length, found.tokens, dict(found.languages))
    if totals != (state.size, state.length, state.tokens, dict(state.languages)):
        yield "the statistics of the index are not those of its chunks"
    if found.terms != shared.counts.all():
        yield "the counts of terms are not those of its chunks"
