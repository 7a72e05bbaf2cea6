"""A DNS server for what pebble-challtestsrv cannot do: be silent, lie, cut short, explain, chain. dnspython makes its packets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from acme_companion.decide.settings import HostPort
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class ScriptedDns:
    """Answers each question over UDP with the packets that `udp` returns, over TCP with the first of `tcp`."""

    def __init__(
        self,
        udp: Callable[[dns.message.Message], list[bytes]],
        tcp: Callable[[dns.message.Message], list[bytes]] | None = None,
    ) -> None:
        self.udp, self.tcp = udp, tcp
        self.asked: list[str] = []
        self.server = HostPort(LOOPBACK, free_port())
        self._transport: asyncio.DatagramTransport | None = None
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        address = (self.server.host, self.server.port)
        outer = self

        class Packets(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                query = dns.message.from_wire(data)
                outer.asked.append(query.question[0].to_text())
                for packet in outer.udp(query):
                    assert outer._transport
                    outer._transport.sendto(packet, addr)

        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(Packets, local_addr=address)
        if self.tcp:
            self._listener = await asyncio.start_server(self._serve, *address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transport
        self._transport.close()
        if self._listener:
            self._listener.close()
            await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        query = dns.message.from_wire(await reader.readexactly(length))
        assert self.tcp
        packet = self.tcp(query)[0]
        writer.write(len(packet).to_bytes(2, "big") + packet)
        await writer.drain()
        writer.close()


def reply(
    query: dns.message.Message, *records: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR
) -> dns.message.Message:
    """A recursive resolver's reply; `records` as `owner type data`, an SOA goes into the authority section."""
    answer = dns.message.make_response(query, recursion_available=True)
    answer.set_rcode(rcode)
    for record in records:
        owner, kind, data = record.split(" ", 2)
        rrset = dns.rrset.from_text(f"{owner}.", 60, "IN", kind, data)
        (answer.authority if kind == "SOA" else answer.answer).append(rrset)
    return answer


def zone(
    *records: str, missing: dns.rcode.Rcode = dns.rcode.NOERROR
) -> Callable[[dns.message.Message], list[bytes]]:
    """Answers by owner and type, CNAMEs alone (a resolver that chases nothing)."""

    def answer(query: dns.message.Message) -> list[bytes]:
        question = query.question[0]
        owner = question.name.to_text(omit_final_dot=True).lower()
        kinds = {question.rdtype.name, "CNAME"}
        found = [
            record for record in records if record.split(" ")[0] == owner and record.split(" ")[1] in kinds
        ]
        return [reply(query, *found, rcode=dns.rcode.NOERROR if found else missing).to_wire(max_size=65535)]

    return answer


def extended_error(query: dns.message.Message, code: int, text: str) -> bytes:
    """SERVFAIL with an extended error (RFC 8914)."""
    answer = reply(query, rcode=dns.rcode.SERVFAIL)
    answer.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode(code), text)])
    return answer.to_wire()


def cut_short(query: dns.message.Message) -> list[bytes]:
    """A reply that says: ask over TCP."""
    answer = reply(query)
    answer.flags |= dns.flags.TC
    return [answer.to_wire()]
