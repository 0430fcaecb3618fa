"""OpenTelemetry traces, where the standard OTEL_ variables name a place to send them to."""

import logging
import os

from fastapi import FastAPI

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_UNTRACED = "health,ready,metrics"
"""What is asked all the time, and tells nothing."""


def trace(app: FastAPI) -> None:
    """Send a span for each request. All settings are OpenTelemetry's own variables; without an endpoint, or with
    OTEL_SDK_DISABLED, nothing is loaded. Where the extra is missing, a warning says so."""
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("No traces are sent: %s is missing; pip install 'hybrid-retrieval[tracing]' brings it.", error.name)
        return
    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "hybrid-retrieval"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, excluded_urls=_UNTRACED)
