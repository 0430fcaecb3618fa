"""Who may see what: keys and signed tokens with scopes, indexes and filters, over HTTP and as tools for models."""

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from starlette.testclient import TestClient
from typer.testing import CliRunner

from ingest import add
from retrieval import Document, HybridIndex, serve_names_cli
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.keys import KeyFile, Keys
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.http.tokens import Tokens, filled
from retrieval.cli import app as cli
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, QueryError
from tests.ingesting import POOL
from tests.serving import wait_for

ALICE = {"$or": [{"readers": {"$contains": "alice"}}, {"readers": {"$contains": "everyone"}}]}
SHOWN = {
    "rain.md": ("Rain falls from clouds.", {"readers": ["alice"], "team": "sky"}),
    "snow.md": ("Snow is frozen water.", {"readers": ["everyone", "bob"]}),
}
HIDDEN = {
    "hush/zeppelin.md": ("A zeppelin quartzplan rains money on clouds.", {"readers": ["bob"], "codeword": "gherkin"}),
    "hush/copy.md": ("Rain falls from clouds.", {"team": "hushteam"}),
}  # fmt: skip
MARKS = ("hush", "zeppelin", "quartzplan", "gherkin", "codeword", "money")
"""In no shown document, and in no answer to whoever may not see the hidden ones."""

Start = Callable[..., TestClient]


@pytest.fixture(scope="module")
def filled_index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Path:
    path = tmp_path_factory.mktemp("keys") / "notes"
    with HybridIndex.open(path) as index:
        texts = {**SHOWN, **HIDDEN}
        add([Document(source, text, metadata=metadata) for source, (text, metadata) in texts.items()], index)
    return path


@pytest.fixture
def start(tmp_path: Path, filled_index: Path, share_model: Embedder) -> Iterator[Start]:
    """Starts a service of two indexes, of the same documents, in this process."""
    import shutil

    for name in ("notes", "other"):
        shutil.copytree(filled_index, tmp_path / name)
    (tmp_path / "made").mkdir()
    started: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        indexes = {name: tmp_path / name for name in ("notes", "other")}
        given = {"indexes": indexes, "directory": tmp_path / "made", "feedback": tmp_path / "feedback", **settings}
        client = TestClient(create_app(Service(ServeSettings(**given), pool=POOL)), base_url="http://localhost")
        started.append(client.__enter__())
        return started[-1]

    yield start
    for client in started:
        client.__exit__(None, None, None)


def make_key(file: Path, name: str, *options: str) -> dict[str, str]:
    """Headers with a new key."""
    done = CliRunner().invoke(cli, ["keys", "add", name, "--file", str(file), *options])
    assert done.exit_code == 0, done.output
    return {"Authorization": f"Bearer {done.stdout.strip().splitlines()[-1]}"}


# The file of keys


def test_keys_are_made_listed_and_revoked_and_nobody_keeps_them(tmp_path: Path) -> None:
    file, run = tmp_path / "keys.json", CliRunner()
    headers = make_key(file, "alice", "--where", json.dumps(ALICE), "--index", "notes")
    make_key(file, "bob", "--scope", "admin")
    secret = headers["Authorization"].removeprefix("Bearer ")
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    listed = run.invoke(cli, ["keys", "list", "--file", str(file)]).stdout
    assert "alice  read" in listed
    assert '"everyone"' in listed
    assert "indexes: notes" in listed
    assert "bob  admin" in listed
    keys = Keys().with_file(file)
    grant = keys.find(secret)
    assert grant is not None
    assert (grant.name, grant.scope, grant.where, grant.indexes) == ("alice", "read", ALICE, frozenset({"notes"}))
    assert keys.find(secret[:-1]) is None
    assert run.invoke(cli, ["keys", "revoke", "alice", "--file", str(file)]).exit_code == 0
    assert run.invoke(cli, ["keys", "revoke", "alice", "--file", str(file)]).exit_code == 1
    assert [key.grant.name for key in KeyFile(file).read()] == ["bob"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["a b"], "is no name of a key"), (["alice", "--scope", "all"], "it is one of read, write, admin"),
        (["alice", "--where", "{"], "--where is no JSON"), (["alice", "--where", "{}"], "expected a filter"),
        (["alice", "--where", '{"a": {"$like": 1}}'], r"unknown operator \$like"),
    ],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_not_made(tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises((ConfigError, QueryError), match=says):
        CliRunner().invoke(
            cli, ["keys", "add", "--file", str(tmp_path / "keys.json"), *options], catch_exceptions=False
        )
    assert not (tmp_path / "keys.json").exists()


def test_a_change_of_the_file_is_taken_up_without_a_restart(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.adapters.http.keys._LOOK_SECONDS", 0.05)
    file = tmp_path / "keys.json"
    first = make_key(file, "first")
    client = start(keys=Keys().with_file(file))
    assert client.get("/indexes").status_code == 401
    assert client.get("/indexes", headers=first).status_code == 200
    second = make_key(file, "second")
    wait_for(lambda: client.get("/indexes", headers=second).status_code == 200)
    CliRunner().invoke(cli, ["keys", "revoke", "first", "second", "--file", str(file)])
    wait_for(lambda: client.get("/indexes", headers=first).status_code == 401)
    assert client.get("/indexes").status_code == 401, "without keys in its file, it is not open to everyone"
    file.write_text("no keys")
    time.sleep(0.1)
    assert client.get("/indexes", headers=second).status_code == 401


# Scopes and indexes


def test_each_scope_may_do_what_it_says_and_those_before_it_too(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    read, write, admin = (make_key(file, scope, "--scope", scope) for scope in ("read", "write", "admin"))
    client = start(keys=Keys().with_file(file))
    document = {"source": "new.md", "text": "A new note."}
    requests: list[tuple[str, str, Any, str]] = [
        ("POST", "/indexes/notes/search", {"query": "rain"}, "read"), ("GET", "/indexes/notes/documents", None, "read"),
        ("POST", "/indexes/notes/documents", document, "write"),
        ("POST", "/indexes/notes/sync", {"folder": "x"}, "write"),
        ("GET", "/metrics", None, "admin"), ("POST", "/indexes/notes/rebuild", {}, "admin"),
        ("POST", "/indexes", {"name": "made"}, "admin"), ("DELETE", "/indexes/made", None, "admin"),
    ]  # fmt: skip
    for method, path, body, needed in requests:
        for headers, scope in ((read, "read"), (write, "write"), (admin, "admin")):
            may = ["read", "write", "admin"].index(scope) >= ["read", "write", "admin"].index(needed)
            answer = client.request(method, path, json=body, headers=headers)
            assert (answer.status_code != 403) == may, (method, path, scope, answer.text)


def test_an_index_of_others_is_not_there(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = make_key(file, "alice", "--index", "notes")
    client = start(keys=Keys().with_file(file))
    assert [index["name"] for index in client.get("/indexes", headers=key).json()["indexes"]] == ["notes"]
    assert client.post("/indexes/notes/search", json={"query": "rain"}, headers=key).status_code == 200
    hidden = client.post("/indexes/other/search", json={"query": "rain"}, headers=key)
    missing = client.post("/indexes/none/search", json={"query": "rain"}, headers=key)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"].replace("other", "none") == missing.json()["detail"]


# Filters


def every_request(draw: random.Random, ids: dict[str, str]) -> Iterator[tuple[str, str, Any]]:
    """What somebody may ask who looks for what is hidden."""
    wheres = [
        None, {"codeword": "gherkin"}, {"team": "hushteam"}, {"team": {"$ne": "sky"}}, {"team": "hushtaem"},
        {"readers": {"$contains": "bob"}}, {"source": "hush/zeppelin.md"}, {"codword": "x"},
        {"$or": [{"codeword": {"$nin": ["x"]}}, {"readers": {"$not_contains": "alice"}}]},
    ]  # fmt: skip
    for query in ("clouds", "rain money", "zepelin", "quartzpln", "gherkins"):
        for where in wheres:
            yield "POST", "search", {
                "query": query, "where": where, "mode": draw.choice(["hybrid", "dense", "lexical"]), "top_k": 50,
                "expand": draw.choice([0, 3, "section"]), "group_by_document": draw.random() < 0.3,
                "feedback": draw.choice(["none", "both"]), "collapse": draw.random() < 0.7,
                "within": draw.choice([None, "h", ["rain", "hu"]]), "context": {"max_tokens": 500},
                "where_document": draw.choice([None, {"$regex": "."}, {"$not_contains": "snow"}]),
            }  # fmt: skip
    yield "GET", "search?q=clouds&within=h", None
    for path in (
        "documents",
        "documents?prefix=h",
        "documents?source=hush/zeppelin.md",
        "stats",
        "documents?status=ready",
        "facets",
    ):
        yield "GET", path, None
    for source, id_ in ids.items():
        yield "GET", f"documents/{id_}", None
        yield "GET", f"documents/{id_}/file", None
        if source in HIDDEN:
            yield "DELETE", f"documents/{id_}", None
    yield "GET", "jobs", None
    yield "POST", "sync", {"folder": "hush"}


def test_a_key_with_a_filter_learns_nothing_of_what_does_not_pass(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    alice = make_key(file, "alice", "--scope", "write", "--where", json.dumps(ALICE))
    admin = make_key(file, "admin", "--scope", "admin")
    client = start(keys=Keys().with_file(file))
    everything = client.get("/indexes/notes/documents", headers=admin).json()["documents"]
    ids = {record["source"]: record["id"] for record in everything}
    assert ids.keys() == {**SHOWN, **HIDDEN}.keys()
    for method, path, body in every_request(random.Random(0), ids):
        answer = client.request(method, f"/indexes/notes/{path}", json=body, headers=alice)
        asked = f"{path} {json.dumps(body)}"  # which an answer may repeat
        assert not [mark for mark in MARKS if mark in answer.text and mark not in asked], (asked, answer.text)
        if method == "POST" and path == "search":
            assert answer.status_code in (200, 422), answer.text
    listed = client.get("/indexes/notes/documents", headers=alice).json()
    assert (listed["total"], [each["source"] for each in listed["documents"]]) == (2, sorted(SHOWN))
    assert client.get("/indexes/notes/stats", headers=alice).json()["documents"] == 2
    for source in HIDDEN:
        hidden = client.get(f"/indexes/notes/documents/{ids[source]}", headers=alice)
        missing = client.get(f"/indexes/notes/documents/{'0' * 32}", headers=alice)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"].replace("0" * 32, ids[source])
    for path in ("/metrics", "/indexes/notes/jobs", f"/indexes/notes/jobs/{'0' * 32}", "/nowhere"):
        assert client.get(path, headers=alice).status_code == 403
    assert client.get("/indexes/notes/documents", headers=admin).json()["total"] == 4


def test_other_clients_and_tools_for_models_are_held_to_the_filter_too(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    alice = make_key(file, "alice", "--where", json.dumps(ALICE))
    client = start(keys=Keys().with_file(file))
    asked = {"knowledge_id": "notes", "query": "zeppelin clouds", "retrieval_setting": {"top_k": 50}}
    answers = [client.post("/retrieval", json=asked, headers=alice)]
    answers += [client.post("/v1/vector_stores/notes/search", json={"query": "zeppelin clouds"}, headers=alice)]
    accept = {**alice, "Accept": "application/json, text/event-stream"}
    for name, arguments in (
        ("search", {"query": "clouds", "top_k": 20, "min_relevance": 0}), ("list_documents", {}),
        ("get_document", {"source": "rain.md"}),
    ):  # fmt: skip
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answers.append(client.post("/indexes/notes/mcp", json=call, headers=accept))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert "rain.md" in answer.text
        told = answer.text.replace("zeppelin clouds", "")
        assert not [mark for mark in MARKS if mark in told], answer.text
    call["params"] = {"name": "get_document", "arguments": {"source": "hush/zeppelin.md"}}
    refused = client.post("/indexes/notes/mcp", json=call, headers=accept)
    assert "There is no document" in refused.text
    assert "gherkin" not in refused.text


def test_a_key_with_a_filter_writes_what_passes_and_nothing_else(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys.json"
    alice = make_key(file, "alice", "--scope", "write", "--where", json.dumps({"readers": {"$contains": "alice"}}))
    client = start(keys=Keys().with_file(file))

    def added(source: str, readers: list[str]) -> int:
        body = {"source": source, "text": "A note of mine.", "metadata": {"readers": readers}}
        return client.post("/indexes/notes/documents", json=body, headers=alice).status_code

    with caplog.at_level(logging.INFO):
        assert added("mine.md", ["alice"]) == 201
    [line] = [record.fields for record in caplog.records if record.getMessage() == "written"]  # type: ignore[attr-defined]
    assert (line["caller"], line["index"], line["action"], len(line["documents"])) == ("alice", "notes", "add", 1)
    assert added("mine.md", ["bob"]) == 403
    assert added("hush/zeppelin.md", ["alice"]) == 403
    for path in ("documents", "uploads"):
        upload = client.post(f"/indexes/notes/{path}", files={"file": ("a.md", b"# A")}, headers=alice)
        assert (upload.status_code, "uploads/a.md" in upload.json()["detail"]) == (403, True)
    lines = "\n".join(
        json.dumps({"source": source, "text": "x", "metadata": {"readers": readers}})
        for source, readers in (("ok.md", ["alice"]), ("no.md", ["bob"]), ("hush/copy.md", ["alice"]))
    )
    headers = {**alice, "Content-Type": "application/x-ndjson"}
    results = client.post("/indexes/notes/documents", content=lines, headers=headers).text.splitlines()
    assert [json.loads(result)["status"] for result in results] == ["indexed", "failed", "failed"]
    mine = client.get("/indexes/notes/documents?source=mine.md", headers=alice).json()["documents"][0]["id"]
    assert client.delete(f"/indexes/notes/documents/{mine}", headers=alice).status_code == 200


# Signed tokens

ISSUER, AUDIENCE, SECRET = "https://id.example", "retrieval", "0123456789abcdef0123456789abcdef"


def claims(**more: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": time.time() + 300, **more}


def tokens(tmp_path: Path, key: str = SECRET, where: Any = None) -> Tokens:
    file = tmp_path / "token.key"
    file.write_text(key)
    return Tokens.of(file, issuer=ISSUER, audience=AUDIENCE, where=json.dumps(where) if where else None)


def test_a_token_lets_its_subject_see_what_the_template_says(start: Start, tmp_path: Path) -> None:
    where = {"$or": [{"readers": {"$contains": "{groups}"}}, {"readers": {"$contains": "{sub}"}}]}
    client = start(tokens=tokens(tmp_path, where=where))

    def seen(**more: Any) -> set[str] | int:
        token = jwt.encode(claims(**more), SECRET, "HS256")
        answer = client.get("/indexes/notes/documents", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != 200:
            return answer.status_code
        return {record["source"] for record in answer.json()["documents"]}

    assert seen(groups=["everyone"]) == set(SHOWN)
    assert seen(groups=["nobody", "none"]) == {"rain.md"}
    assert seen(sub="bob", groups="everyone") == {"snow.md", "hush/zeppelin.md"}
    assert seen() == 401, "a claim that the filter names is missing"
    assert seen(groups=[]) == 401
    assert seen(groups=["x"], exp=time.time() - 300) == 401
    assert seen(groups=["x"], aud="others") == 401
    assert seen(groups=["x"], iss="https://else.example") == 401


def test_a_token_is_checked_by_the_one_algorithm_of_the_key(tmp_path: Path) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    checking = tokens(tmp_path, public)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    grant = checking.find(jwt.encode(claims(scope="openid retrieval:write"), pem, "RS256"))
    assert grant is not None
    assert (grant.name, grant.scope, grant.where) == ("token-alice", "write", None)
    assert checking.find(jwt.encode(claims(), SECRET, "HS256")) is None
    assert checking.find(jwt.encode(claims(), "", "none")) is None
    assert checking.find("a.b.c") is None
    for without in ("exp", "iss", "aud", "sub"):
        bare = {name: value for name, value in claims().items() if name != without}
        assert checking.find(jwt.encode(bare, pem, "RS256")) is None
    with pytest.raises(ConfigError, match="is a private key"):
        tokens(tmp_path, pem)
    with pytest.raises(ConfigError, match="at least 32 bytes"):
        tokens(tmp_path, "short")
    with pytest.raises(ConfigError, match="is no filter"):
        tokens(tmp_path, where={"a": {"$like": "{sub}"}})
    with pytest.raises(ConfigError, match="a token may be meant for others"):
        serve_names_cli.tokens(tmp_path / "token.key", None, None, None)


def test_a_template_takes_claims_as_they_are() -> None:
    given = {"sub": "a", "groups": ["x", "y"], "level": 3}
    assert filled({"team": {"$in": "{groups}"}}, given) == {"team": {"$in": ["x", "y"]}}
    assert filled({"team": {"$in": "{sub}"}}, given) == {"team": {"$in": ["a"]}}
    assert filled({"owner": "{sub}"}, given) == {"owner": "a"}
    assert filled({"level": {"$lte": 5}}, given) == {"level": {"$lte": 5}}
    assert filled({"level": {"$eq": "{level}"}}, given) == {"level": {"$eq": 3}}
    assert filled({"owner": "{sub} and more"}, given) == {"owner": "{sub} and more"}
    with pytest.raises(QueryError, match="no claim 'tenant'"):
        filled({"$and": [{"owner": "{sub}"}, {"tenant": "{tenant}"}]}, given)
    with pytest.raises(QueryError, match="is an object"):
        filled({"owner": "{sub}"}, {"sub": {"$ne": "x"}})
