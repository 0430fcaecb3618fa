"""Server-sent events, as the HTML standard writes them."""

import asyncio
import json
from collections.abc import AsyncIterator

from retrieval.adapters.http.jobs import Event

EVENT_STREAM = "text/event-stream"

_SILENCE = 15.0
"""Seconds after which a comment is sent, so that no proxy takes the connection for dead."""


async def as_stream(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """The events' bytes, with signs of life between them."""
    coming: asyncio.Future[Event] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(events)) if coming is None else coming
            done, _ = await asyncio.wait([coming], timeout=_SILENCE)
            if not done:
                yield b": still there\n\n"
                continue
            event = coming.result()
            coming = None
            yield f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n".encode()
    except StopAsyncIteration:
        return
    finally:
        if coming is not None:
            coming.cancel()
