"""Logs as JSON, a line each, on standard error."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

FIELDS = "fields"
"""The attribute of a log record that holds more members for its line."""


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_as_json() -> None:
    """From now on, all of this process's logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("retrieval", "ingest", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
