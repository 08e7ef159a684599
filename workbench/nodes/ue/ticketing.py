"""TLS of a UE by the key of a MIKEY ticket: the KMS is asked, and a=key-mgmt carries what comes of it.

Source: TS 33.328 §5.4.3, TS 23.333 §6.2.19 (the TEK is the pre-shared key), RFC 6043 §4, RFC 4567 §3, §4.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import msgspec

from workbench.net.values import Command, Endpoint, Note
from workbench.nodes.procedure import Await, Topic
from workbench.nodes.stream_endpoint import StreamEndpoint
from workbench.nodes.tickets import PATIENCE_SECONDS, Question, Tickets, carried, key_of, responder, said
from workbench.nodes.ue.keyed import Keyed
from workbench.protocols import sdp
from workbench.security import tickets as mikey

if TYPE_CHECKING:
    from workbench.nodes.ue.call import Bearer
    from workbench.nodes.ue.describing import Peer
    from workbench.nodes.ue.phone import Phone

_MEDIA: Topic = ("media",)

Asked = Generator[Command | Await, object, bytes]
Agreed = Generator[Command | Await, object, str]
"""Steps, and in the end why there is no key, or nothing."""


def _ask(phone: Phone, tickets: Tickets, octets: bytes) -> Asked:
    """Ask the KMS; empty: no answer."""
    question = phone.question = Question(
        Endpoint(phone.settings.local.host, phone.free_port()), tickets, octets)
    yield question.open()
    deadline = phone.now + PATIENCE_SECONDS
    while not question.over and phone.now < deadline:
        yield Await((_MEDIA,), deadline - phone.now)
    if not question.over:
        yield question.give_up()
    return question.answer


def offer(phone: Phone, bearer: Bearer, to: str) -> Agreed:
    """Get a ticket, or make one, and let the offer carry it."""
    tickets = phone.settings.tickets
    if tickets is None or not bearer.protected or bearer.datagrams:
        return ""
    caller, called = tickets.caller(phone.settings.uri, phone.source), responder(to)
    now = tickets.since_1900(phone.now)
    wanted = tickets.wanted(called, now)
    if tickets.ticket_key is not None:
        caller.make(wanted, tickets.ticket_key, now)
    else:
        answer = yield from _ask(phone, tickets, caller.request(wanted, now))
        found = caller.receive_response(answer, tickets.since_1900(phone.now)) if answer else None
        if not isinstance(found, mikey.Granted):
            return f"no ticket: {found or 'the KMS did not answer'}"
    bearer.initiator = caller
    protocols = [*map(sdp.protocol_of, tickets.before), sdp.MIKEY]
    octets = caller.transfer(called, tickets.since_1900(phone.now), offered=protocols)
    bearer.keyed = Keyed(said(octets), None, tickets.versions, before=tickets.before)
    return ""


def answered(phone: Phone, bearer: Bearer, theirs: Peer) -> Agreed:
    """The answer's TRANSFER_RESP gives the key; without it there is no call (RFC 4567 §4, RFC 6043 §4.2.2)."""
    tickets, caller = phone.settings.tickets, bearer.initiator
    if tickets is None or caller is None or bearer.keyed is None:
        return ""
    octets = carried(theirs.media.attributes("key-mgmt"))
    bearer.initiator = None
    found = caller.receive_answer(octets, tickets.since_1900(phone.now)) if octets else caller.unanswered()
    if isinstance(found, mikey.Refused):
        return f"the answer's ticket: {found}"
    key = key_of(found)
    bearer.keyed = msgspec.structs.replace(bearer.keyed, key=key)
    if isinstance(bearer.media, StreamEndpoint):
        yield from bearer.media.provide(key, phone.now)
    yield Note(f"the ticket's key is there: {key.identity.decode()}")
    return ""


def answer(phone: Phone, bearer: Bearer, offered: Peer) -> Agreed:
    """Have the offer's ticket resolved, and let the answer carry TRANSFER_RESP."""
    tickets = phone.settings.tickets
    if tickets is None or not offered.keyed or not bearer.protected:
        return ""
    called = tickets.called(phone.settings.uri, phone.source, phone.replays)
    values = offered.media.attributes("key-mgmt")
    found: object = called.receive_offer(
        carried(values), tickets.since_1900(phone.now), [*map(sdp.protocol_of, values)])
    if isinstance(found, mikey.Resolve):
        resolved = yield from _ask(phone, tickets, found.octets)
        now = tickets.since_1900(phone.now)
        found = called.receive_resolved(resolved, now) if resolved else called.timed_out()
    if not isinstance(found, mikey.Keyed):
        return f"the offer's ticket: {found}"
    bearer.keyed = Keyed(said(found.answer), key_of(found), tickets.versions)
    return ""
