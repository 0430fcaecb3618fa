"""What Prometheus is told: how much is asked, how long it takes, and how well the two sides work together."""

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ingest import SyncReport
from retrieval.search_hits import SearchHit
from retrieval.searcher import Searcher

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_SHARES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


class Metrics:
    """The figures of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "retrieval_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "retrieval_stage_seconds",
            "Seconds by stage: request (whole), queue (waiting for a thread), write, and those of retrieval.timing.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._overlap = Histogram(
            "retrieval_overlap",
            "Share of a hybrid answer's hits that both sides had among their candidates; of POST /search.",
            buckets=_SHARES,
            registry=self.registry,
        )
        self._queries = Counter("retrieval_queries", "Queries answered by POST /search.", registry=self.registry)
        self._without = Counter("retrieval_queries_without_hits", "Those that found nothing.", registry=self.registry)
        self._truncated = Counter(
            "retrieval_truncated_chunks",
            "Chunks that the model could not read whole: always 0.",
            registry=self.registry,
        )
        self._documents = Gauge(
            "retrieval_documents", "Documents that a search can return.", ["index"], registry=self.registry
        )
        self._chunks = Gauge("retrieval_chunks", "Chunks that a search can return.", ["index"], registry=self.registry)

    def request(self, method: str, route: str, status: int, *, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self.stage("request", seconds)

    def stage(self, name: str, seconds: float) -> None:
        self._seconds.labels(name).observe(seconds)

    def answered(self, answers: Sequence[Sequence[SearchHit]], *, is_hybrid: bool) -> None:
        """`is_hybrid`: whether both sides were asked."""
        self._queries.inc(len(answers))
        self._without.inc(sum(not hits for hits in answers))
        for hits in answers if is_hybrid else ():
            if hits:
                both = sum(hit.dense_rank is not None and hit.lexical_rank is not None for hit in hits)
                self._overlap.observe(both / len(hits))

    def written(self, report: SyncReport) -> None:
        self._truncated.inc(report.truncated)
        self.stage("write", report.seconds)

    def exposed(self, searchers: Mapping[str, Searcher | None]) -> bytes:
        """All of it in Prometheus' text format, with the sizes of what is searched now, by the names of indexes."""
        self._documents.clear()
        self._chunks.clear()
        for name, searcher in searchers.items():
            self._documents.labels(name).set(len(searcher.searchable()) if searcher is not None else 0)
            self._chunks.labels(name).set(searcher.reader.size if searcher is not None else 0)
        return generate_latest(self.registry)
