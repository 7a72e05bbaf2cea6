"""The smallest server of http-01 challenge files: from memory, or from a folder that a peer writes to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

TIME_LIMIT = 10.0  # seconds for one visitor
LOOPBACK = "127.0.0.1"


class ChallengeServer:
    """Serves `files` by token, and what lies in `folder` if there is one."""

    def __init__(self, port: int, folder: Path | None = None) -> None:
        self.files: dict[str, str] = {}
        self._port, self._folder = port, folder
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._visit, LOOPBACK, self._port, backlog=512)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIME_LIMIT):
                head = await reader.readuntil(b"\r\n\r\n")
            token = head.split(b" ", 2)[1].rpartition(b"/")[2].decode("ascii", "replace")
            content = self._content(token)
            status = "404 Not Found" if content is None else "200 OK"
            body = (content or "").encode()
            headers = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(headers.encode() + body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, IndexError):
            pass
        finally:
            writer.close()

    def _content(self, token: str) -> str | None:
        if token in self.files:
            return self.files[token]
        path = Path(self._folder, Path(token).name) if self._folder and token else None
        return path.read_text() if path and path.is_file() else None
