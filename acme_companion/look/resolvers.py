"""Ask the resolvers: over UDP, over TCP what UDP cut off, and the next resolver when one fails or keeps silent."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Self

import dns.exception
from dns.rdatatype import SOA

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.settings import HostPort
from acme_companion.look.dns_messages import Question, Reply, query, read_reply

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from dns.rdatatype import RdataType

_AT_ONCE = 96
"""Docker's embedded resolver drops questions beyond 100 under way (older engines); small receive buffers overflow later."""
_SEAT_SECONDS = 0.5
"""A question without an answer frees its seat after this: names whose servers keep silent must not hold up the others."""
_SERVER_FAILURE = "SERVFAIL"
_FIRST_PATIENCE = 1.5
"""Seconds until the question is sent again, to the next resolver; doubled after each round."""


class Resolvers:
    """The resolvers for one pass. Each question is asked once; who asks the same meanwhile waits for the same answer."""

    def __init__(self, servers: Sequence[HostPort], limit: float, *, recursion: bool = True) -> None:
        """Ask `servers`, or the system's if empty. `limit`: seconds for one question, retries included.

        Without `recursion` they are asked only for what they know themselves.
        """
        self._servers = tuple(servers) or system_resolvers()
        self._limit = limit
        self._recursion = recursion
        self._lines: list[_Line] = []
        self._seats = asyncio.Semaphore(_AT_ONCE)
        self._asked: dict[Question, asyncio.Task[Reply | Unanswered]] = {}

    async def __aenter__(self) -> Self:
        self._lines = [await _Line.open(server, recursion=self._recursion) for server in self._servers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unfinished = [task for task in self._asked.values() if not task.done()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        for line in self._lines:
            line.close()

    async def ask(self, name: str, record_type: RdataType) -> Reply | Unanswered:
        """The reply to one question: records, or that there are none. Never raises."""
        question = Question(name.lower().removesuffix("."), record_type)
        pending = self._asked.get(question)
        if pending is None:
            pending = self._asked[question] = asyncio.create_task(self._settle(question))
        return await asyncio.shield(pending)

    async def _settle(self, question: Question) -> Reply | Unanswered:
        failed: dict[HostPort, str] = {}
        try:
            section = question.section()
        except dns.exception.DNSException as problem:
            return Unanswered(f"DNS cannot be asked for {question}: {problem}")
        if not self._lines:
            return Unanswered(
                "DNS: no resolver is configured, neither in the settings nor in /etc/resolv.conf"
            )
        try:
            async with asyncio.timeout(self._limit):
                return await self._in_turn(question, section, failed)
        except TimeoutError:
            silent = ", ".join(str(line.server) for line in self._lines if line.server not in failed)
            texts = [f"no answer from {silent} within {self._limit:g} s", *failed.values()]
            return Unanswered(f"DNS, {question}: " + "; ".join(texts))

    async def _in_turn(
        self, question: Question, section: bytes, failed: dict[HostPort, str]
    ) -> Reply | Unanswered:
        patience = _FIRST_PATIENCE
        sent: dict[asyncio.Future[Reply | str], _Line] = {}
        try:
            while len(failed) < len(self._lines):
                for line in self._lines:
                    if line.server in failed:
                        continue
                    answer = await self._once(line, section, patience, sent, failed)
                    if answer is not None and answer.dnssec_broken:
                        return await self._broken(question, line, f"{line.server} says {answer.failure}")
                    if answer is not None:
                        return answer
                patience *= 2
        finally:
            for future in sent:
                future.cancel()
        texts = "; ".join(failed.values())
        for line in self._lines:
            # Where only the signatures are at fault, the records are there for who does not ask about signatures.
            if failed[line.server].startswith(_SERVER_FAILURE) and await self._unchecked(line, section):
                return await self._broken(question, line, texts)
        return Unanswered(f"DNS, {question}: {texts}")

    async def _broken(self, question: Question, line: _Line, said: str) -> Unanswered:
        """What is wrong, by the zone whose keys or signatures it is: CAs validate, and refuse as well."""
        labels = question.name.split(".")
        parents = (".".join(labels[start:]) for start in range(len(labels)))
        zone = question.name
        for parent in parents:
            reply = await self._unchecked(line, Question(parent, SOA).section())
            if reply is not None and reply.message is not None and reply.message.answer:
                zone = parent
                break
        return Unanswered(
            f"DNSSEC of {zone} is broken (or of a zone above it), and CAs validate it too: repair its keys, signatures or DS "
            f"record: {question}: {said}"
        )

    async def _unchecked(self, line: _Line, section: bytes) -> Reply | None:
        """The answer without any check of signatures, None when there is none all the same."""
        future = line.send(section, checked=False)
        done, _ = await asyncio.wait([future], timeout=_FIRST_PATIENCE)
        if not done:
            future.cancel()
            return None
        reply = future.result()
        return reply if isinstance(reply, Reply) and not reply.failure else None

    async def _once(
        self,
        line: _Line,
        section: bytes,
        patience: float,
        sent: dict[asyncio.Future[Reply | str], _Line],
        failed: dict[HostPort, str],
    ) -> Reply | None:
        """Send to one resolver and wait for a reply from any that was asked so far; a refusal goes into `failed`."""
        async with self._seats:
            sent[line.send(section)] = line
            done, _ = await asyncio.wait(
                sent, timeout=min(_SEAT_SECONDS, patience), return_when=asyncio.FIRST_COMPLETED
            )
        if not done and patience > _SEAT_SECONDS:
            done, _ = await asyncio.wait(
                sent, timeout=patience - _SEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        for future in done:
            answering, reply = sent.pop(future), future.result()
            if isinstance(reply, Reply) and reply.truncated:
                reply = await _over_tcp(answering.server, section, recursion=self._recursion)
            if isinstance(reply, Reply) and (not reply.failure or reply.dnssec_broken):
                return reply
            text = reply if isinstance(reply, str) else reply.failure
            failed[answering.server] = f"{text} from {answering.server}"
        return None


def system_resolvers() -> tuple[HostPort, ...]:
    """What /etc/resolv.conf names; empty when it cannot be read."""
    import dns.resolver  # noqa: PLC0415 - a slow import, only for this

    try:
        found = dns.resolver.Resolver(configure=True)
    except (dns.resolver.NoResolverConfiguration, OSError):
        return ()
    return tuple(HostPort(str(host), found.port) for host in found.nameservers)


class _Line(asyncio.DatagramProtocol):
    """A connected UDP socket to one resolver: the kernel drops what comes from elsewhere."""

    def __init__(self, server: HostPort, *, recursion: bool) -> None:
        self.server = server
        self._recursion = recursion
        self._fault = ""
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[int, tuple[bytes, asyncio.Future[Reply | str]]] = {}

    @classmethod
    async def open(cls, server: HostPort, *, recursion: bool) -> _Line:
        line = cls(server, recursion=recursion)
        loop = asyncio.get_running_loop()
        try:
            line._transport, _ = await loop.create_datagram_endpoint(
                lambda: line, remote_addr=(server.host, server.port)
            )
        except OSError as problem:
            line._fault = problem.strerror or str(problem)
        return line

    def send(self, section: bytes, *, checked: bool = True) -> asyncio.Future[Reply | str]:
        """Send a question; the future has the reply, or why none can come. `checked`: see `query`."""
        future: asyncio.Future[Reply | str] = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            future.set_result(self._fault or "the socket is closed")
            return future
        identity = secrets.randbits(16)
        while identity in self._waiting:
            identity = secrets.randbits(16)
        self._waiting[identity] = (section, future)
        future.add_done_callback(lambda _: self._waiting.pop(identity, None))
        self._transport.sendto(query(identity, section, recursion=self._recursion, checked=checked))
        return future

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:  # noqa: ARG002  (asyncio's signature)
        section, future = self._waiting.get(int.from_bytes(data[:2], "big"), (b"", None))
        if future is None or future.done():
            return
        reply = read_reply(data, section)
        # What is not a reply to this question is as good as never sent: it may be forged, the real one may follow.
        if reply is not None:
            future.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        text = getattr(exc, "strerror", None) or str(exc)
        for _, future in self._waiting.values():
            if not future.done():
                future.set_result(text)


async def _over_tcp(server: HostPort, section: bytes, *, recursion: bool) -> Reply | str:
    """Ask over TCP (RFC 7766), without a time limit of its own; a message is 64 kB at most by its format."""
    writer = None
    identity = secrets.randbits(16)
    try:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        wire = query(identity, section, recursion=recursion)
        writer.write(len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(await reader.readexactly(2), "big")
        data = await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as problem:
        return f"a reply cut short for UDP, and no answer over TCP ({problem})"
    finally:
        if writer is not None:
            writer.close()
    reply = read_reply(data, section) if data[:2] == identity.to_bytes(2, "big") else None
    if reply is None or reply.truncated:
        return "a reply cut short for UDP, and over TCP one that does not fit the question"
    return reply
