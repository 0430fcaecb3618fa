"""The Grafana dashboard: each query names a figure that the service exposes, with labels that it has."""

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from retrieval.adapters.http.metrics import Metrics
from retrieval.search_hits import SearchHit

DASHBOARD = Path(__file__).parent.parent / "deploy" / "grafana.json"


def exposed_labels() -> dict[str, set[str]]:
    metrics = Metrics()
    metrics.request("POST", "/search", 200, seconds=0.01)
    metrics.stage("queue", 0.001)
    no_hits: list[SearchHit] = []
    metrics.answered([no_hits], is_hybrid=True)
    text = metrics.exposed({"docs": None}).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def test_each_query_names_what_is_exposed() -> None:
    exposed = exposed_labels()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert queries
    for query in queries:
        names = re.findall(r"retrieval_\w+", query)
        assert names and set(names) <= exposed.keys(), query
        used = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
        used |= set(re.findall(r"(\w+)=~?\"", query))
        assert used <= set.union(*(exposed[name] for name in names)), query
