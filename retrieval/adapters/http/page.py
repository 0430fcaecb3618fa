"""What browsers see: the page at /, and the list of routes at /docs.

Each comes with a policy under which its own style and script run and nothing else does, from here or elsewhere.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

_INLINE = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_PAGE = ("page.html", "page.css", "page.js")
_READING = ["GET", "HEAD"]
_STYLE = "body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto}"


def page_routes(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    html = whole_page()
    headers = {"Content-Security-Policy": policy(html)}

    @router.api_route("/", methods=_READING)
    @router.api_route("/indexes/{index}/", methods=_READING)
    async def page() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    @router.api_route("/docs", methods=_READING)
    async def docs() -> HTMLResponse:
        described = _described(app.openapi())
        return HTMLResponse(described, headers={"Content-Security-Policy": policy(described)})

    return router


def whole_page() -> str:
    """The page as one file: a browser asks for nothing else but answers."""
    html, style, script = (files(__package__).joinpath("page", name).read_text("utf-8") for name in _PAGE)
    html = html.replace(f'<link rel="stylesheet" href="{_PAGE[1]}">', f"<style>\n{style}</style>")
    return html.replace(f'<script src="{_PAGE[2]}"></script>', f"<script>\n{script}</script>")


def policy(html: str) -> str:
    """A Content-Security-Policy under which the page's inline elements run, by their hashes."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for name, content in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
        hashes[name.lower()].append(f"'sha256-{digest}'")
    allowed = [f"{name}-src {' '.join(found)}" for name, found in hashes.items() if found]
    rules = ("default-src 'none'", *allowed, "connect-src 'self'", "img-src 'self' data:")
    return "; ".join(
        [
            *rules,
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ]
    )


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
