"""Keys of a conference by MIKEY tickets: the KMS is asked for a ticket to call with, or to resolve that of a caller.

Source: TS 23.333 §6.2.19.2 (R-6.2.19-1 to -5), RFC 6043 §4, TS 33.328 §5.4.3.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from workbench.net.values import (
    AbortStream,
    Command,
    Endpoint,
    Happening,
    Note,
    Stream,
    StreamClosed,
    StreamFailed,
)
from workbench.nodes.mrfc.keying import Agreed, Beginning, Responding, Without
from workbench.nodes.procedure import Await, Procedures
from workbench.nodes.tickets import PATIENCE_SECONDS, Question, Tickets, carried, key_of, responder, said
from workbench.protocols import sdp
from workbench.protocols.mikey import wire
from workbench.security import tickets as mikey
from workbench.security.source import Source

_TOPIC = "kms"
_MOST_CLOSING = 16
_PORTS = (20_000, 29_999)


class Questions:
    """What is asked of the KMS at a time, each on a connection of its own.

    Args:
        host: where connections are opened from.
        most: questions that may wait; a further one is not asked.
    """

    def __init__(self, host: str, source: Source, procedures: Procedures, most: int = 256) -> None:
        self.now = 0.0
        self._host, self._source, self._procedures, self._most = host, source, procedures, most
        self._asked: dict[int, Question] = {}

    def ask(self, tickets: Tickets, octets: bytes) -> Generator[Command | Await, Any, bytes]:
        """Ask, and wait; empty: no answer."""
        if sum(not one.over for one in self._asked.values()) >= self._most:
            yield Note(f"{self._most} questions wait for the KMS: one more is not asked")
            return b""
        port = self._free_port()
        question = self._asked[port] = Question(Endpoint(self._host, port), tickets, octets)
        yield question.open()
        deadline = self.now + PATIENCE_SECONDS
        while not question.over and self.now < deadline:
            yield Await(((_TOPIC, port),), deadline - self.now)
        if not question.over:
            yield question.give_up()
            del self._asked[port]
        if question.failed:
            yield Note(f"KMS {tickets.kms}: {question.failed}")
        yield from self._let_go()
        return question.answer

    def concerns(self, happened: Happening) -> bool:
        """It is about a connection to the KMS."""
        return self._of(happened) is not None

    def handle(self, happened: Happening) -> list[Command]:
        """Take a happening that `concerns` us."""
        question = self._of(happened)
        assert question is not None
        port = question.stream.local.port
        commands = question.handle(happened)
        if isinstance(happened, StreamFailed | StreamClosed):
            del self._asked[port]
        return commands + self._procedures.post((_TOPIC, port), None, self.now)

    def _of(self, happened: Happening) -> Question | None:
        stream = getattr(happened, "stream", None)
        question = self._asked.get(stream.local.port) if isinstance(stream, Stream) else None
        return question if question is not None and question.stream == stream else None

    def _free_port(self) -> int:
        while (port := self._source.number(*_PORTS)) in self._asked:
            pass
        return port

    def _let_go(self) -> Iterator[Command]:
        """A KMS that does not close its side is not waited for without end."""
        over = [port for port, one in self._asked.items() if one.over]
        for port in over[:-_MOST_CLOSING]:
            yield AbortStream(self._asked.pop(port).stream, "the KMS does not close its side")


class Calling:
    """An offer with a ticket, as of `keying.Offering`."""

    def __init__(self, caller: mikey.Initiator, octets: bytes, tickets: Tickets) -> None:
        self.says = said(octets)
        self.name = mikey.psk_identity(wire.decode(octets).header.csb_id, 1)
        self._caller, self._tickets = caller, tickets

    def answered(self, value: str | None, now: float) -> Agreed | Without:
        """Without TRANSFER_RESP there is no call, if the ticket asks for it (RFC 6043 §4.2.2)."""
        octets = carried((value,) if value else ())
        found = (self._caller.receive_answer(octets, self._tickets.since_1900(now)) if octets
                 else self._caller.unanswered())
        return Agreed(value or "", key_of(found)) if isinstance(found, mikey.Keyed) else Without(
            f"the answer's ticket: {found}")


class Ticketed:
    """Key management by tickets.

    Args:
        tickets: how they are used.
        questions: those of the node.
    """

    def __init__(self, tickets: Tickets, questions: Questions, source: Source) -> None:
        self._tickets, self._questions, self._source = tickets, questions, source
        self._replays = mikey.Replays()

    def respond(self, conference: str, offered: str, protocols: Sequence[str]) -> Responding:
        """Have the offer's ticket resolved; the answer carries TRANSFER_RESP."""
        called = self._tickets.called(conference, self._source, self._replays)
        found: object = called.receive_offer(carried((offered,)), self._now, protocols)
        if isinstance(found, mikey.Resolve):
            resolved = yield from self._questions.ask(self._tickets, found.octets)
            if not resolved:
                return Without(f"the offer's ticket: {called.timed_out()}", 500)
            found = called.receive_resolved(resolved, self._now)
        if not isinstance(found, mikey.Keyed):
            return Without(f"the offer's ticket: {found}")
        return Agreed(said(found.answer), key_of(found))

    def offer(self, conference: str, called: str) -> Beginning:
        """Get a ticket for somebody (mode 1), or make it (mode 3), and send it in the offer."""
        tickets, who = self._tickets, responder(called)
        caller = tickets.caller(conference, self._source)
        wanted = tickets.wanted(who, self._now)
        if tickets.ticket_key is not None:
            caller.make(wanted, tickets.ticket_key, self._now)
        else:
            answer = yield from self._questions.ask(tickets, caller.request(wanted, self._now))
            found = caller.receive_response(answer, self._now) if answer else None
            if not isinstance(found, mikey.Granted):
                return Without(f"no ticket: {found or 'the KMS did not answer'}")
        return Calling(caller, caller.transfer(who, self._now, offered=(sdp.MIKEY,)), tickets)

    @property
    def _now(self) -> float:
        return self._tickets.since_1900(self._questions.now)
