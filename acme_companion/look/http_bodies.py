"""Bodies of HTTP answers: whole, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class TooLong(ValueError):
    """A body beyond what its reader wants to keep; the message says how much that is."""


async def whole_body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body to its end; raises `TooLong` beyond `most` bytes, and whatever aiohttp raises for one that breaks off."""
    body = bytearray()
    while more := await answer.content.read(most + 1 - len(body)):
        body += more
        if len(body) > most:
            raise TooLong(f"it is longer than {most} bytes")
    return bytes(body)
