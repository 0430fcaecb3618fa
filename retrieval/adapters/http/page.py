"""What browsers see: the page at /, and the list of routes at /docs.

Each comes with a policy under which its own style and scripts run and nothing else does, from here or elsewhere.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

_INLINE = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_KINDS = {".css": "text/css", ".js": "text/javascript"}
_READING = ["GET", "HEAD"]
_STYLE = "body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto}"
_RULES = (
    "default-src 'none'", "connect-src 'self'", "img-src 'self' data:", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'", "require-trusted-types-for 'script'",
)  # fmt: skip

PAGE_POLICY = "; ".join([*_RULES, "script-src 'self'", "style-src 'self'"])
"""The Content-Security-Policy of the page: its own files, and nothing inline or from elsewhere. No other path here is
answered as a script or a style."""


def page_routes(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    of_service, of_index = page_html(), page_html(up="../../")
    own_files = page_files()

    @router.api_route("/", methods=_READING)
    async def page() -> HTMLResponse:
        return HTMLResponse(of_service, headers={"Content-Security-Policy": PAGE_POLICY})

    @router.api_route("/indexes/{index}/", methods=_READING)
    async def page_of_index() -> HTMLResponse:
        return HTMLResponse(of_index, headers={"Content-Security-Policy": PAGE_POLICY})

    @router.api_route("/page/{name}", methods=_READING)
    async def file(name: str) -> Response:
        if name not in own_files:
            raise HTTPException(404)
        return Response(
            own_files[name], media_type=_KINDS[PurePath(name).suffix], headers={"Cache-Control": "no-cache"}
        )

    @router.api_route("/docs", methods=_READING)
    async def docs() -> HTMLResponse:
        described = _described(app.openapi())
        return HTMLResponse(described, headers={"Content-Security-Policy": policy(described)})

    return router


def page_html(*, up: str = "") -> str:
    """The page, whose other files lie at `up`/page/."""
    names = [name for name in page_files() if name.endswith(".js") and name != "main.js"]
    early = "".join(f'<link rel="modulepreload" href="page/{name}">\n' for name in names)
    html = files(__package__).joinpath("page", "page.html").read_text("utf-8")
    return re.sub('(href|src)="(page/|docs)', rf'\1="{up}\2', html.replace("</head>", f"{early}</head>"))


def page_files() -> dict[str, str]:
    """The style and the modules of the page, by name."""
    found = sorted(files(__package__).joinpath("page").iterdir(), key=lambda file: file.name)
    return {file.name: file.read_text("utf-8") for file in found if PurePath(file.name).suffix in _KINDS}


def policy(html: str) -> str:
    """A Content-Security-Policy under which the inline elements run, by their hashes, and nothing else does."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for name, content in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
        hashes[name.lower()].append(f"'sha256-{digest}'")
    allowed = [f"{name}-src {' '.join(found)}" for name, found in hashes.items() if found]
    return "; ".join([*_RULES, *allowed])


def _described(schema: dict[str, Any]) -> str:
    """The routes for people, without the megabytes of script from elsewhere that usually show them."""
    routes = "".join(_route(path, method, operation) for path, method, operation in _operations(schema))
    title = escape(schema["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>For programs: <a href="/openapi.json">/openapi.json</a>.</p>{routes}'
    )


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), {**operation, "examples": _examples(operation, schema)}


def _examples(operation: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    """Bodies that can be sent as they are."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "examples" in content:
        return [example["value"] for example in content["examples"].values()]
    model = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(schema["components"]["schemas"].get(model, {}).get("examples", []))


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    named = ", ".join(parameter["name"] for parameter in operation.get("parameters", []))
    answers = "; ".join(f"{status} {answer['description']}" for status, answer in operation["responses"].items())
    examples = "".join(
        f"<pre>{escape(json.dumps(example, ensure_ascii=False))}</pre>" for example in operation["examples"]
    )
    return (
        f"<h2>{method} {escape(path)}</h2><p>{escape(operation.get('description', ''))}</p>"
        + (f"<p>Parameters: {escape(named)}.</p>" if named else "")
        + f"{examples}<p>Answers: {escape(answers)}.</p>"
    )
