"""What people say of hits, kept as the judgements that `retrieve evaluate` and `retrieve tune` read."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from retrieval.adapters.http.problems import Refusal
from retrieval.directory.files import make_private_directory, private_open
from retrieval.errors import ConfigError
from retrieval.types import digest

MAX_JUDGEMENTS = 100_000
"""Of an index: all of them are written with each."""


class Feedback:
    """The judgements of one index, in two files: queries.jsonl (id and text) and qrels.tsv (query, document, 1 or 0).
    Of several about the same document and query, the last holds. Threads may share it."""

    def __init__(self, directory: Path) -> None:
        self._queries_file = directory / "queries.jsonl"
        self._qrels_file = directory / "qrels.tsv"
        self._guard = threading.Lock()
        self._queries: dict[str, str] | None = None
        self._qrels: dict[tuple[str, str], int] = {}

    def judge(self, query: str, document: str, *, is_useful: bool) -> int:
        """Keep a judgement; returns how many there are. Raises Refusal where that are too many, and ConfigError for
        files that cannot be read or written."""
        query = " ".join(query.split())
        id_ = digest(query)[:16]
        with self._guard:
            queries = self._read()
            if (id_, document) not in self._qrels and len(self._qrels) >= MAX_JUDGEMENTS:
                detail = f"There are {MAX_JUDGEMENTS:,} judgements; move the files away to go on with new ones."
                raise Refusal("conflict", detail)
            queries[id_] = query
            self._qrels[id_, document] = int(is_useful)
            self._write(queries)
            return len(self._qrels)

    def _read(self) -> dict[str, str]:
        """The texts of the queries, by id; read once."""
        if self._queries is None:
            queries: dict[str, str] = {}
            try:
                if self._queries_file.exists():
                    entries = map(json.loads, self._queries_file.read_text("utf-8").splitlines())
                    queries = {entry["_id"]: entry["text"] for entry in entries}
                    rows = (line.split("\t") for line in self._qrels_file.read_text("utf-8").splitlines()[1:])
                    self._qrels = {(query, document): int(score) for query, document, score in rows}
            except (OSError, ValueError, KeyError) as error:
                reason = f"The judgements beside {self._qrels_file} cannot be read: {error}. Move them away."
                raise ConfigError(reason) from error
            self._queries = queries
        return self._queries

    def _write(self, queries: Mapping[str, str]) -> None:
        lines = [json.dumps({"_id": id_, "text": text}, ensure_ascii=False) for id_, text in queries.items()]
        rows = [f"{query}\t{document}\t{score}" for (query, document), score in self._qrels.items()]
        try:
            make_private_directory(self._queries_file.parent)
            _replace(self._queries_file, lines)  # first: every judged query has its text, whenever this is cut short
            _replace(self._qrels_file, ["query-id\tcorpus-id\tscore", *rows])
        except OSError as error:
            raise ConfigError(f"{self._qrels_file} cannot be written: {error.strerror}.") from error


def _replace(path: Path, lines: list[str]) -> None:
    new = path.with_suffix(".new")
    with private_open(new, "wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    new.replace(path)
