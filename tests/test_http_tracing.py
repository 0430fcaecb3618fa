"""Traces arrive where OpenTelemetry's variables say, and hold nothing of what was asked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.serving import Serving


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(self, request, context):  # type: ignore[no-untyped-def]
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    """A collector on loopback, and its address."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.mark.slow
def test_a_request_is_a_trace_without_its_words(tmp_path: Path, collector: tuple[Collector, str]) -> None:
    kept, endpoint = collector
    with Serving(tmp_path / "index", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) as serving:
        assert serving.client.post("/search", json={"query": "confidential"}).status_code == 200
        assert serving.stop() == 0
    spans = [
        span
        for request in kept.requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert "POST /search" in {span.name for span in spans}
    assert "confidential" not in str(kept.requests)
    assert "hybrid-retrieval" in str(kept.requests[0].resource_spans[0].resource)
    assert not any("/ready" in span.name for span in spans)
