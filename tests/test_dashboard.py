"""The Grafana dashboard: each query names a figure that the service exposes, with labels that it has."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from retrieval.adapters.http.metrics import Metrics
from retrieval.search_hits import SearchHit
from tests.serving import Serving

DASHBOARD = Path(__file__).parent.parent / "deploy" / "grafana.json"


def exposed_labels() -> dict[str, set[str]]:
    metrics = Metrics()
    metrics.request("POST", "/search", 200, seconds=0.01)
    metrics.stage("queue", 0.001)
    no_hits: list[SearchHit] = []
    metrics.answered([no_hits], is_hybrid=True)
    return labels_of(metrics.exposed({"docs": None}).decode())


def labels_of(text: str) -> dict[str, set[str]]:
    """The labels of each figure in Prometheus' text format."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def check_queries(exposed: dict[str, set[str]]) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert queries
    for query in queries:
        names = re.findall(r"retrieval_\w+", query)
        assert names and set(names) <= exposed.keys(), query
        used = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
        used |= set(re.findall(r"(\w+)=~?\"", query))
        assert used <= set.union(*(exposed[name] for name in names)), query


def test_each_query_names_what_is_exposed() -> None:
    check_queries(exposed_labels())


@pytest.mark.slow
def test_each_query_names_what_a_service_exposes_after_a_sync_and_a_search(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n")
    with Serving(tmp_path / "index", "--folder", str(docs)) as serving:
        serving.sync("docs")
        assert serving.client.post("/search", json={"query": "rain"}).json()["results"]
        text = serving.client.get("/metrics").text
    check_queries(labels_of(text))
    stages = {
        sample.labels["stage"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "stage" in sample.labels
    }
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    assert {stage for query in asked for stage in re.findall(r'stage="(\w+)"', query)} <= stages
