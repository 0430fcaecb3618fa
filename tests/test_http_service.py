"""`retrieve serve` as clients meet it: a real process on loopback, and every route of its contract."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from retrieval import SearchHit
from retrieval.adapters.http.page import PAGE_POLICY, policy
from retrieval.adapters.http.uploads import last_part
from retrieval.types import document_id
from tests.loaders_samples import pdf, word
from tests.serving import Serving

PROBLEM = "application/problem+json"
RECORD = {
    "id", "source", "folder", "status", "reason", "title", "language", "chunks", "size", "indexed",
}  # fmt: skip
REPORT = {
    "added", "updated", "deleted", "unchanged", "failed", "skipped", "chunks_added", "chunks_deleted", "chunks_reused",
    "tokens_embedded", "truncated", "seconds", "interrupted", "dry_run", "planned", "refused", "notices",
    "skipped_kinds",
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service with a folder that it has synced: two documents, a broken one, and links out of the folder."""
    top = tmp_path_factory.mktemp("http")
    docs = top / "docs"
    docs.mkdir()
    (docs / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n\n## Snow\n\nSnow is frozen water.\n")
    (docs / "bread.md").write_text("# Bread\n\nYeast eats sugar and makes gas.\n")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (top / "secret.txt").write_text("the password is swordfish")
    (docs / "link.txt").symlink_to(top / "secret.txt")
    with Serving(top / "index", "--folder", str(docs)) as serving:
        report = serving.sync("docs")
        assert (report["added"], report["truncated"]) == (2, 0)
        assert [failure["source"] for failure in report["failed"]] == ["docs/broken.pdf"]
        assert [skip["source"] for skip in report["skipped"]] == ["docs/link.txt"]
        yield serving


@pytest.fixture
def client(serving: Serving) -> httpx.Client:
    return serving.client


def searched(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/search", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: httpx.Response, status: int, kind: str) -> str:
    """The detail of a problem, which is one of ours."""
    members = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    assert (members["status"], members["type"]) == (status, f"urn:hybrid-retrieval:problem:{kind}")
    assert members["title"]
    return str(members["detail"])


def test_a_query_is_answered_with_hits_that_cite_themselves(client: httpx.Client) -> None:
    answer = searched(client, query="what falls from clouds?", top_k=2)
    (result,) = answer["results"]
    hit = result["hits"][0]
    assert result["query"] == "what falls from clouds?"
    assert set(hit) == {*SearchHit.__dataclass_fields__, "citation"}
    assert (hit["rank"], hit["source"], hit["citation"]) == (1, "docs/rain.md", "docs/rain.md:1-7")
    assert re.fullmatch("[0-9a-f]{32}", answer["generation"])
    assert answer["seconds"] > 0


def test_several_queries_are_answered_in_order_from_one_generation(client: httpx.Client) -> None:
    results = searched(client, queries=["yeast", "clouds", "yeast"], mode="lexical")["results"]
    assert [result["query"] for result in results] == ["yeast", "clouds", "yeast"]
    assert [result["hits"][0]["source"] for result in results] == ["docs/bread.md", "docs/rain.md", "docs/bread.md"]
    assert results[0] == results[2]


@pytest.mark.parametrize(
    "option",
    [
        {"mode": "dense"}, {"mode": "lexical"}, {"fusion": "rrf", "rrf_k": 10}, {"fusion": "convex", "alpha": 0.3},
        {"candidates": 5}, {"feedback": "both"}, {"where": {"source": "docs/rain.md"}}, {"operators": True},
        {"where_document": {"$contains": "water"}}, {"mmr_lambda": 0.5}, {"expand": 1}, {"expand": "section"},
        {"group_by_document": True, "document_score": "mean"}, {"min_score": -5.0}, {"highlight": False},
        {"rerank": False}, {"collapse": False}, {"correct_spelling": False}, {"operators": "required"},
        {"min_relevance": 0.1},
    ],
    ids=lambda option: "-".join(option),
)  # fmt: skip
def test_every_argument_of_search_is_taken(client: httpx.Client, option: dict[str, Any]) -> None:
    hits = searched(client, query="frozen water", **option)["results"][0]["hits"]
    assert hits[0]["source"] == "docs/rain.md"
    assert "highlight" not in option or hits[0]["highlights"] == []


def test_an_answer_says_whether_any_hit_is_relevant(client: httpx.Client) -> None:
    answered, noise = searched(client, queries=["yeast makes gas", "who won the world cup in 1998?"])["results"]
    assert (answered["has_relevant"], noise["has_relevant"]) == (True, False)
    assert answered["hits"][0]["relevance"] > 0.9 > 0.5 > noise["hits"][0]["relevance"] >= 0
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert {"has_relevant", "hits"} <= set(schemas["ResultOut"]["required"])
    assert "relevance" in schemas["HitOut"]["required"]
    bounds = schemas["SearchBody"]["properties"]["min_relevance"]
    assert (bounds["minimum"], bounds["maximum"]) == (0, 1)


def test_an_answer_says_how_the_query_was_read(client: httpx.Client) -> None:
    [result] = searched(client, query='cluods "rain falls" -yeast', mode="lexical", operators=True)["results"]
    assert result["corrections"] == [{"written": "cluods", "searched": "clouds"}]
    assert (result["required"], result["excluded"]) == (["rain falls"], ["yeast"])


@pytest.mark.parametrize(
    ("body", "kind", "names"),
    [
        ({}, "invalid", "query or queries"),
        ({"query": "a", "queries": ["b"]}, "invalid", "query or queries"),
        ({"query": "rain", "top_k": 0}, "invalid", "top_k"),
        ({"query": "rain", "top_k": 10**6}, "invalid", "top_k"),
        ({"query": "rain", "candidates": 10**6}, "invalid", "candidates"),
        ({"query": "rain" * 1000}, "invalid", "query"),
        ({"queries": ["rain"] * 100}, "invalid", "queries"),
        ({"queries": ["rain"] * 32, "top_k": 100}, "invalid", "queries times top_k"),
        ({"query": "rain", "topk": 3}, "invalid", "topk"),
        ({"query": "??"}, "query", "no word"),
        ({"query": "rain", "where": {"a": {"$like": 1}}}, "query", "$like"),
        ({"query": "rain", "where_document": {"$regex": "("}}, "query", "$regex"),
        ({"query": "rain", "rerank": True}, "query", "--rerank"),
        ({"query": "rain", "rerank": "/etc"}, "query", "--rerank"),
        ({"query": "rain", "document_score": "mean"}, "query", "group_by_document"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name(
    client: httpx.Client, body: dict[str, Any], kind: str, names: str
) -> None:
    assert names in refused(client.post("/search", json=body), 422, kind)


def test_a_filter_cannot_be_nested_without_end(client: httpx.Client) -> None:
    where: dict[str, Any] = {"a": 1}
    for _ in range(200):
        where = {"$and": [where, where]} if _ < 3 else {"$or": [where, {"b": 1}]}
    assert "levels" in refused(client.post("/search", json={"query": "rain", "where": where}), 422, "query")


def test_the_ledger_is_listed_page_by_page(client: httpx.Client) -> None:
    listed = client.get("/documents", params={"prefix": "docs/"}).json()
    sources = [record["source"] for record in listed["documents"]]
    assert sources == sorted(sources)
    assert {"docs/bread.md", "docs/broken.pdf", "docs/rain.md"} <= set(sources)
    assert all(set(record) == RECORD for record in listed["documents"])
    second = client.get("/documents", params={"prefix": "docs/", "limit": 1, "offset": 1}).json()
    assert second == {"total": listed["total"], "documents": listed["documents"][1:2]}
    (failed,) = client.get("/documents", params={"status": "failed"}).json()["documents"]
    assert failed["source"] == "docs/broken.pdf"
    assert failed["reason"]


def test_a_document_comes_with_its_passages(client: httpx.Client) -> None:
    document = client.get(f"/documents/{document_id('docs/rain.md')}").json()
    assert set(document) == {*RECORD, "metadata"}
    (listed,) = client.get("/documents", params={"source": "docs/rain.md"}).json()["documents"]
    assert listed["id"] == document["id"]
    assert [chunk["ordinal"] for chunk in document["chunks"]] == list(range(len(document["chunks"])))
    assert document["chunks"][0]["text"].startswith("# Rain")
    refused(client.get(f"/documents/{'0' * 32}"), 404, "not-found")
    refused(client.get("/documents/nonsense"), 422, "invalid")


def test_texts_are_added_found_replaced_and_deleted(client: httpx.Client) -> None:
    body = {
        "source": "notes/hail.md",
        "text": "# Hail\n\nHail is ice.",
        "metadata": {"year": 2024, "tags": ["ice", "sky"]},
    }
    added = client.post("/documents", json=body)
    assert (added.status_code, set(added.json()), added.json()["added"]) == (201, {*REPORT, "documents"}, 1)
    assert added.json()["documents"] == [{"id": document_id("notes/hail.md"), "source": "notes/hail.md"}]
    again = client.post("/documents", json=body)
    assert (again.status_code, again.json()["unchanged"]) == (200, 1)
    (hit,) = searched(client, query="ice", where={"year": 2024})["results"][0]["hits"]
    assert (hit["source"], hit["metadata"]) == ("notes/hail.md", body["metadata"])
    assert searched(client, query="ice", where={"tags": {"$contains": "sky"}})["results"][0]["hits"] == [hit]
    document = client.get(f"/documents/{document_id('notes/hail.md')}").json()
    assert document["metadata"] == body["metadata"]
    again = client.post("/documents", json={"documents": [body, {"source": "notes/fog.md", "text": "Fog."}]}).json()
    assert (again["unchanged"], again["added"]) == (1, 1)
    for source in ("notes/hail.md", "notes/fog.md"):
        gone = client.delete(f"/documents/{document_id(source)}")
        assert (gone.status_code, gone.json()) == (200, {"documents": 1, "chunks": 1})
    refused(client.delete(f"/documents/{document_id('notes/fog.md')}"), 404, "not-found")
    assert searched(client, query="ice", where={"year": 2024})["results"][0]["hits"] == []


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ([], "invalid", "at least 1 item"),
        ([None], "invalid", "#/metadata/tags"),
        ([["a"]], "invalid", "#/metadata/tags"),
        (["x"] * 1001, "invalid", "at most 1000 items"),
        (["1", 2], "document", "a list of int and str"),
        ([True, 1], "document", "a list of bool and int"),
    ],
)
def test_a_list_that_cannot_be_kept_is_refused(client: httpx.Client, value: list, kind: str, says: str) -> None:
    response = client.post("/documents", json={"source": "x", "text": "y", "metadata": {"tags": value}})
    assert says in refused(response, 422, kind)


@pytest.mark.slow
def test_files_are_read_by_the_same_loaders_as_a_folders(client: httpx.Client) -> None:
    manual = pdf([["Turn the valve to the left."], ["Then wait."]])
    files = [
        ("file", ("manual.pdf", manual)),
        ("file", ("broken.pdf", b"%PDF-1.7")),
        ("file", ("a.md", b"# A\n\nSea.")),
    ]
    report = client.post("/documents", files=files)
    assert (report.status_code, report.json()["added"]) == (201, 2)
    assert [failure["source"] for failure in report.json()["failed"]] == ["uploads/broken.pdf"]
    assert [one["source"] for one in report.json()["documents"]] == ["uploads/manual.pdf", "uploads/a.md"]
    none = client.post("/documents", files=files[1:2])
    assert "uploads/broken.pdf: " in refused(none, 422, "document")
    assert [failure["source"] for failure in none.json()["failed"]] == ["uploads/broken.pdf"]
    hit = searched(client, query="valve", top_k=1)["results"][0]["hits"][0]
    assert hit["citation"] == "uploads/manual.pdf, pages 1–2"
    named = client.post("/uploads", files=files[2:], data={"source": "sea/a.md"})
    assert named.json()["added"] == 1
    assert client.get("/documents", params={"source": "uploads/broken.pdf"}).json()["total"] == 0
    for source in ("uploads/manual.pdf", "uploads/a.md", "sea/a.md"):
        assert client.delete(f"/documents/{document_id(source)}").status_code == 200


def test_uploads_are_parsed_by_processes_that_stay(serving: Serving, client: httpx.Client) -> None:
    seen: list[set[int]] = []
    for text in (b"Raindrops.", b"Raindrops, again."):
        assert client.post("/documents", files=[("file", ("drops.md", text))]).status_code == 201
        seen.append(serving.parsers())
    assert set.intersection(*seen)
    assert client.delete(f"/documents/{document_id('uploads/drops.md')}").status_code == 200


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("scan.docx", word(lambda document: document)),
        pytest.param("blank.txt", b" \n", marks=pytest.mark.slow),
        pytest.param("empty.txt", b"", marks=pytest.mark.slow),
        pytest.param("app.html", b"<html><body><script>draw()</script></body></html>", marks=pytest.mark.slow),
        ("photo.png", b"\x89PNG\r\n\x1a\n\0"),
    ],
)
def test_an_upload_in_which_nothing_is_found_is_refused_and_leaves_nothing(
    client: httpx.Client, name: str, data: bytes
) -> None:
    response = client.post("/documents", files=[("file", (name, data))])
    assert f"uploads/{name}: " in refused(response, 422, "document")
    assert client.get("/documents", params={"prefix": "uploads/"}).json()["total"] == 0


def test_a_text_of_white_space_is_refused(client: httpx.Client) -> None:
    response = client.post("/documents", json={"source": "blank", "text": " \n"})
    assert "text is empty" in refused(response, 422, "document")
    assert client.get("/documents", params={"source": "blank"}).json()["total"] == 0


def test_a_name_is_never_a_path(client: httpx.Client) -> None:
    report = client.post("/documents", files=[("file", ("../../docs/rain.md", b"Raindrops."))]).json()
    assert report["added"] == 1
    assert client.delete(f"/documents/{document_id('uploads/rain.md')}").status_code == 200


@pytest.mark.parametrize(
    "name", ["../../rain.md", "..\\..\\rain.md", "/etc/rain.md", "C:\\rain.md", "x\0/..//rain.md", ".ra\r\nin.md"]
)
def test_of_a_name_only_what_is_last_and_visible_is_kept(name: str) -> None:
    assert last_part(name) == "rain.md"


@pytest.mark.parametrize("name", ["..", ".", "/", "a/"])
def test_a_file_without_a_name_is_refused(client: httpx.Client, name: str) -> None:
    assert "name" in refused(client.post("/documents", files=[("file", (name, b"x"))]), 422, "invalid")


def test_what_a_synced_folder_has_is_changed_in_the_folder_alone(client: httpx.Client) -> None:
    for source in ("docs/rain.md", "docs/new.md"):
        detail = refused(client.post("/documents", json={"source": source, "text": "x"}), 409, "conflict")
        assert "'docs'" in detail
    refused(client.post("/documents", files=[("file", ("rain.md", b"x"))], data={"source": "docs/x"}), 409, "conflict")
    refused(client.delete(f"/documents/{document_id('docs/rain.md')}"), 409, "conflict")
    absolute = {"source": "/memo", "text": "What begins with a slash is in no folder."}
    assert client.post("/documents", json=absolute).status_code == 201
    assert client.delete(f"/documents/{document_id('/memo')}").status_code == 200
    assert searched(client, query="clouds")["results"][0]["hits"][0]["source"] == "docs/rain.md"


def test_a_link_out_of_the_folder_is_not_followed(client: httpx.Client) -> None:
    hits = searched(client, query="password swordfish", mode="lexical")["results"][0]["hits"]
    assert hits == []


def test_only_configured_folders_are_synced(client: httpx.Client) -> None:
    for folder in ("/etc", "..", "docs/..", "index"):
        refused(client.post("/sync", json={"folder": folder}), 404, "not-found")


def test_a_sync_is_a_job_that_tells_of_itself(serving: Serving, client: httpx.Client) -> None:
    started = client.post("/sync", json={"folder": "docs"})
    job = started.json()
    assert (started.status_code, started.headers["location"]) == (202, f"/jobs/{job['id']}")
    *_, (name, report) = serving.events(job["id"])
    assert (name, set(report), report["unchanged"]) == ("done", REPORT, 2)
    over = client.get(f"/jobs/{job['id']}").json()
    assert (over["status"], over["report"], over["problem"]) == ("done", report, None)
    assert client.get("/jobs").json()["jobs"][0] == over
    events = client.get(f"/jobs/{job['id']}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert events.text.splitlines()[-3] == "event: done"
    refused(client.get(f"/jobs/{'0' * 32}"), 404, "not-found")


def test_a_filter_on_what_there_is_not_is_answered_with_a_warning(client: httpx.Client) -> None:
    [warning] = searched(client, query="rain", mode="lexical", where={"source": "none"})["warnings"]
    assert warning.startswith("where: no chunk has 'none' in 'source'; there are ")
    answer = searched(client, query="rain", mode="lexical", where={"sorce": "none"}, within="dcs/")
    assert answer["results"][0]["hits"] == []
    assert [warning.partition("; the nearest: ")[2] for warning in answer["warnings"]] == ["'source'", "'docs/'"]


def test_it_says_how_it_is(client: httpx.Client) -> None:
    assert client.get("/health").json() == client.get("/ready").json() == {"status": "ok"}
    stats = client.get("/stats").json()
    assert (stats["documents"], stats["dimension"], stats["folders"]) == (2, 384, [{"name": "docs", "synced": True}])


def test_prometheus_is_told_what_was_asked_and_what_there_is(client: httpx.Client) -> None:
    searched(client, query="zyzzyva", mode="lexical")
    figures = client.get("/metrics").text
    for line in (
        'retrieval_documents{index="index"} 2.0', "retrieval_truncated_chunks_total 0.0", 'stage="queue"',
        'stage="search"',
        'stage="write"', 'retrieval_requests_total{method="POST",route="/search",status="200"}',
        "retrieval_overlap_sum",
    ):  # fmt: skip
        assert line in figures
    assert "_created" not in figures
    without = re.search(r"^retrieval_queries_without_hits_total (\S+)$", figures, re.MULTILINE)
    assert without is not None
    assert float(without[1]) >= 1


def test_the_description_names_every_route_and_its_failures(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    of_index = {
        "/search", "/feedback", "/documents", "/documents/{document_id}", "/uploads", "/sync", "/rebuild", "/jobs",
        "/jobs/{job_id}", "/jobs/{job_id}/events", "/stats", "/facets", "/documents/{document_id}/file",
    }  # fmt: skip
    assert set(described["paths"]) == {
        *of_index, *(f"/indexes/{{index}}{path}" for path in of_index), "/indexes", "/indexes/{index}", "/health",
        "/ready", "/metrics", "/retrieval", "/v1/embeddings", "/v1/vector_stores/{vector_store_id}/search",
    }  # fmt: skip
    search = described["paths"]["/search"]["post"]
    assert "415" in search["responses"]
    assert "401" not in described["paths"]["/ready"]["get"]["responses"]
    assert PROBLEM in search["responses"]["422"]["content"]
    assert described["components"]["schemas"]["SearchBody"]["examples"]
    shown = client.get("/docs").text
    assert all(html.escape(path) in shown for path in described["paths"])


def test_every_example_of_the_description_can_be_sent(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for example in schemas["SearchBody"]["examples"]:
        searched(client, **example)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_run_their_own_style_and_script_and_nothing_else(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    allowed = page.headers["content-security-policy"]
    assert allowed == (policy(page.text) if path == "/docs" else PAGE_POLICY)
    assert "unsafe" not in allowed
    inline = re.findall(r"<(?:script|style)\b[^>]*>[^<]", page.text)
    assert len(inline) == (1 if path == "/docs" else 0)
    for own in re.findall(r'(?:href|src)="(page/[^"]+)"', page.text):
        assert client.get(f"/{own}").headers["content-type"].partition(";")[0] in ("text/css", "text/javascript")


def test_a_policy_names_inline_elements_by_their_hashes() -> None:
    # The example of CSP Level 3, section 8.2.
    rules = policy("<script>alert('Hello, world.');</script>").split("; ")
    assert "script-src 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='" in rules
    assert {"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(rules)


@pytest.mark.parametrize(("path", "name"), [("/documents", "sources"), ("/stats", "verbose"), ("/search", "q")])
def test_a_parameter_that_would_be_ignored_is_refused(client: httpx.Client, path: str, name: str) -> None:
    method = "POST" if path == "/search" else "GET"
    body = {"query": "rain"} if path == "/search" else None
    assert name in refused(client.request(method, path, params={name: "1"}, json=body), 422, "invalid")


def test_a_parameter_that_comes_twice_is_refused(client: httpx.Client) -> None:
    said = refused(client.get("/documents?source=docs%2Frain.md&prefix=docs&source=docs%2Fsun.md"), 422, "invalid")
    assert "source: it is there more than once" in said


def test_a_form_without_a_file_is_told_so(client: httpx.Client) -> None:
    kind = "multipart/form-data; boundary=b"
    form = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--b--\r\n'
    answer = client.post("/documents", content=form, headers={"Content-Type": kind})
    assert "has no file" in refused(answer, 422, "invalid")


@pytest.mark.parametrize("charset", ["nonsense", "undefined", "utf-16", "unicode_escape"])
def test_a_form_in_another_charset_is_refused(client: httpx.Client, charset: str) -> None:
    name = 'form-data; name="file"; filename="\\udc80.txt"'
    form = f"--b\r\nContent-Disposition: {name}\r\n\r\nx\r\n--b--\r\n".encode()
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    answer = client.post("/documents", content=form, headers={"Content-Type": kind})
    assert "UTF-8" in refused(answer, 400, "malformed")


def test_what_says_only_what_is_not_wanted_is_not_told_of_a_shell(client: httpx.Client) -> None:
    detail = refused(client.post("/search", json={"query": "-rain -snow", "operators": True}), 422, "query")
    assert "operators=False" in detail
    assert "--" not in detail


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_has_a_head(client: httpx.Client, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_log_tells_of_each_sync(serving: Serving) -> None:
    messages = [json.loads(line)["message"] for line in list(serving.log)]
    assert any(message.endswith("a sync of 'docs', begins") for message in messages)
    assert any("is done: 2 added, 0 updated, 0 deleted, 0 unchanged, 1 failed" in message for message in messages)
