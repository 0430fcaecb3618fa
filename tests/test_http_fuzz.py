"""Whatever is sent, the service says what is wrong with it, and goes on: never a 5xx, never silence."""

import json
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving import Serving

pytestmark = pytest.mark.slow

SECRET = "0123456789abcdef"
SECONDS = 30

TEXT = st.text(max_size=60) | st.sampled_from(["", "??", '"rain', "+rain -fall", "-5", "ї" * 30, "\0", "\ud800", "雨"])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from([2**63, 10**400, -(2**63)])
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OPERATOR = st.sampled_from(
    [
        "$and",
        "$or",
        "$eq",
        "$ne",
        "$gt",
        "$lte",
        "$in",
        "$nin",
        "$contains",
        "$not_contains",
        "$regex",
        "source",
        "page",
    ]
)
FILTER = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(OPERATOR, inner, max_size=2), max_leaves=8
)
ARGUMENTS = {
    "mode": st.sampled_from(["hybrid", "dense", "lexical"]),
    "fusion": st.sampled_from(["dbsf", "rrf", "convex", None]),
    "smoothing": st.sampled_from([0, 0.5, 1, 2, None]),
    "feedback": st.sampled_from(["none", "dense", "lexical", "both", None]),
    "top_k": st.integers(1, 100),
    "candidates": st.integers(1, 1000),
    "alpha": st.none() | st.floats(0, 1),
    "mmr_lambda": st.none() | st.floats(0, 1),
    "min_score": st.none() | st.floats(-10, 10),
    "min_relevance": st.none() | st.floats(0, 1),
    "rrf_k": st.integers(1, 10_000),
    "expand": st.integers(0, 20) | st.just("section"),
    "operators": st.none() | st.booleans() | st.just("required"),
    "correct_spelling": st.booleans(),
    "collapse": st.booleans(),
    "group_by_document": st.booleans(),
    "document_score": st.sampled_from(["max", "mean"]),
    "highlight": st.booleans(),
    "where": st.dictionaries(OPERATOR, FILTER, max_size=2),
    "within": st.none() | TEXT | st.lists(TEXT, max_size=3),
    "where_document": st.dictionaries(OPERATOR, FILTER, max_size=2),
}
ALMOST_RIGHT = st.fixed_dictionaries(
    {"query": st.sampled_from(["rain falls", "yeast", '"rain"']) | TEXT}, optional=ARGUMENTS
)
ANYTHING = st.dictionaries(st.sampled_from(["query", "queries", *ARGUMENTS, "rerank"]), JSON, max_size=6)
NAME = st.text(string.printable, max_size=30) | st.sampled_from(
    ["../../etc/passwd", "a.pdf", "a.docx", "a.gz", "x.html"]
)
CONTENT = st.binary(max_size=300) | st.sampled_from(
    [b"%PDF-1.7\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"<html>", b"{\\rtf1"]
)

FORM = "multipart/form-data"
FORMS = [b"", b"--b", b"--b\r\n\r\n\r\n--b--", b"x" * 1000, b"--b\r\nContent-Disposition: x\r\n\r\n"]

briefly = settings(suppress_health_check=list(HealthCheck))
at_length = settings(briefly, max_examples=500)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    top = tmp_path_factory.mktemp("fuzz")
    docs = top / "docs"
    docs.mkdir()
    (docs / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n\n## Snow\n\nSnow is frozen water.\n")
    (docs / "bread.md").write_text("# Bread\n\nYeast eats sugar and makes gas.\n")
    with Serving(top / "index", "--folder", str(docs), "--rate", "0") as serving:
        serving.client.timeout = SECONDS
        serving.sync("docs")
        yield serving


def check(serving: Serving, method: str, path: str, **request: Any) -> None:
    answer = serving.client.request(method, path, **request)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    assert "Traceback" not in answer.text


def check_search(serving: Serving, body: dict[str, Any]) -> None:
    content = json.dumps(body)  # with NaN and lone surrogates, which httpx would refuse to send
    check(serving, "POST", "/search", content=content, headers={"Content-Type": "application/json"})


def check_upload(serving: Serving, name: str, content: bytes) -> None:
    check(serving, "POST", "/documents", files=[("file", (name, content))])


@settings(briefly, max_examples=20)
@given(body=ALMOST_RIGHT | ANYTHING)
def test_any_search_is_answered(serving: Serving, body: dict[str, Any]) -> None:
    check_search(serving, body)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"query": 1e999}', b"[" * 100_000, b'{"a":' * 100_000,
        b'{"query": "\\ud800 rain"}', b'{"query": "rain", "where": {"a": ' + b"9" * 5000 + b"}}",
    ],
    ids=lambda content: content[:20].decode("ascii", "replace"),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/search", "/documents", "/sync"])
def test_any_body_is_answered(serving: Serving, path: str, content: bytes) -> None:
    check(serving, "POST", path, content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("content", FORMS)
@pytest.mark.parametrize("kind", [FORM, f"{FORM}; boundary=b", f"{FORM}; boundary="])
def test_any_form_is_answered(serving: Serving, kind: str, content: bytes) -> None:
    check(serving, "POST", "/documents", content=content, headers={"Content-Type": kind})


def test_headers_without_end_are_refused(serving: Serving) -> None:
    assert serving.client.get("/health", headers={"X-Long": "x" * 10**6}).status_code < 500
    assert serving.client.get("/health").status_code == 200


@at_length
@given(body=ALMOST_RIGHT | ANYTHING)
def test_any_search_is_answered_at_length(serving: Serving, body: dict[str, Any]) -> None:
    check_search(serving, body)


@settings(briefly, max_examples=40)
@given(name=NAME, content=CONTENT)
def test_any_upload_is_answered(serving: Serving, name: str, content: bytes) -> None:
    check_upload(serving, name, content)


def test_the_service_does_what_its_description_says(tmp_path: Path) -> None:
    """Schemathesis makes requests from the service's own OpenAPI, fitting and not, and holds the answers to it.

    Left out: that what fits is always accepted (a query may have no word in it, a key a wrong scheme beside it).
    """
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n")
    options = ["--folder", str(docs), "--rate", "0"]
    with Serving(tmp_path / "index", *options, environment={"SERVE_KEYS": f"write:{SECRET}"}) as serving:
        serving.client.headers["X-API-Key"] = SECRET
        serving.sync("docs")
        done = subprocess.run(
            [
                Path(sys.executable).with_name("st"), "run", f"{serving.client.base_url}/openapi.json",
                "-H", f"X-API-Key: {SECRET}", "--checks", "all",
                "--exclude-checks", "positive_data_acceptance,ignored_auth",
                "--max-examples", "20", "--request-timeout", str(SECONDS), "--no-color",
                "--generation-database", "none",
            ],
            capture_output=True, text=True, timeout=280, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
