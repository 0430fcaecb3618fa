"""GET /: the page, with a policy that lets its own style and script run and nothing else."""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

_INLINE = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)


def page_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    html = files(__package__).joinpath("page.html").read_text("utf-8")
    headers = {"Content-Security-Policy": policy(html)}

    @router.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    return router


def policy(html: str) -> str:
    """A Content-Security-Policy under which the page's inline elements run, by their hashes."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for name, content in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
        hashes[name.lower()].append(f"'sha256-{digest}'")
    allowed = [f"{name}-src {' '.join(found)}" for name, found in hashes.items() if found]
    rules = ("default-src 'none'", *allowed, "connect-src 'self'", "img-src 'self' data:")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])
