"""What became of a call, and who in the middle could read it: the capture, read with one party's keys at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector, Draft
from workbench.analysis.pcapng import Reader
from workbench.lab.collision.calls import REPLY
from workbench.lab.collision.values import Cell, Outcome
from workbench.lab.reachability.calls import ACCESS_A, ACCESS_B, AGW_A, AGW_B, CORE
from workbench.lab.reachability.values import TEXT, A, B
from workbench.lab.trace import Trace
from workbench.net.packets import TCP
from workbench.net.values import LogKeys
from workbench.protocols import sip
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.registry import Kind, Primitive
from workbench.protocols.msrp.messages import Request, Response
from workbench.protocols.tls.messages import ClientHello, Handshake, ServerHello

_PROTOCOL_AT = 9        # of an IPv4 header; all addresses of these calls are IPv4
_WIRES = {"IMS-AGW A": (ACCESS_A, CORE), "IMS-AGW B": (CORE, ACCESS_B), "Core": (CORE,)}
"""Who might read, and the wires that he is on."""

Keys = Mapping[str, str]


def keys_of(trace: Trace) -> Keys:
    """Each node's own TLS secrets, in key log form."""
    lines: dict[str, list[str]] = {}
    for entry in trace.entries:
        if isinstance(entry.what, LogKeys):
            lines.setdefault(entry.node, []).append(entry.what.line.strip())
    return {node: "\n".join(told) for node, told in lines.items()}


def judge(capture: Path | str, keys: Keys) -> Cell:
    """What the packets show. `keys`: see `keys_of`."""
    clear = _read(capture, "")
    ends = _read(capture, "\n".join(keys.get(side, "") for side in (A, B)))
    readers = tuple(
        who for who, wires in _WIRES.items()
        if _words(_read(capture, keys[who]) if keys.get(who) else clear, wires))
    outcome, why = _outcome(ends)
    return Cell(outcome, _one_session(ends), readers, why)


def _read(capture: Path | str, keys: str) -> list[Draft]:
    """The capture's messages as they are for somebody who has these keys."""
    dissector = Dissector(KeyLog.parse(keys))
    with Reader(capture) as reader:
        for packet in reader:
            if packet.octets[_PROTOCOL_AT] == TCP or not packet.wire.startswith("Iq"):
                dissector.take(packet)
    dissector.finish()
    return list(dissector.drafts)


def _words(drafts: list[Draft], wires: tuple[str, ...]) -> bool:
    """Whether words of a user can be read there."""
    return any(draft.wire in wires and (_says(draft.value) or _says(draft.value, REPLY)) for draft in drafts)


def _says(value: object, text: str = TEXT) -> bool:
    """A SEND with this text, or a FloorRequest, whose PARTICIPANT-PROVIDED-INFO it is."""
    if isinstance(value, bfcp.Message):
        return value.primitive == Primitive.FLOOR_REQUEST and text in value.all(Kind.PARTICIPANT_PROVIDED_INFO)
    return isinstance(value, Request) and value.body == text.encode()


def _answers(value: object, said: object) -> bool:
    """The 200 for a SEND, or the first FloorRequestStatus for a FloorRequest (RFC 8855 §13.1.1)."""
    if isinstance(value, bfcp.Message) and isinstance(said, bfcp.Message):
        return value.primitive == Primitive.FLOOR_REQUEST_STATUS and value.transaction == said.transaction
    return (isinstance(value, Response) and isinstance(said, Request) and value.status == 200
            and value.transaction == said.transaction)


def _outcome(drafts: list[Draft]) -> tuple[Outcome, str]:
    said = next((draft.value for draft in drafts if draft.wire == ACCESS_B and _says(draft.value)), None)
    if said is not None and any(draft.wire == ACCESS_A and _answers(draft.value, said) for draft in drafts):
        return "works", f"what {A} said arrived at {B}, and the answer to it came back"
    if refusals := [draft.value for draft in drafts if isinstance(draft.value, sip.Response)
                    and draft.value.cseq[1] == "INVITE" and draft.value.status >= 300]:
        return "refused", f"{refusals[0].status} {refusals[0].reason}: {_warning(refusals)}"
    hellos, servers = _hellos(drafts)
    if len(hellos[ACCESS_A] & hellos[ACCESS_B]) > 1 and not servers[ACCESS_A] | servers[ACCESS_B]:
        return "two clients", f"{A} and {B} each send a ClientHello and get the other's; nobody sends a ServerHello"
    return "no connection", _unopened(drafts)


def _warning(refusals: list[sip.Response]) -> str:
    """Why, in the words of who refused first; further hops may leave them out."""
    return next(filter(None, (one.headers.get("Warning") for one in refusals)), "no Warning")


def _unopened(drafts: list[Draft]) -> str:
    """Which gateway's SYN a NAT does not let in, or does not even get."""
    for side, wire, gateway in ((A, ACCESS_A, AGW_A), (B, ACCESS_B, AGW_B)):
        on_wire = [draft for draft in drafts if draft.wire == wire and draft.protocol == "TCP"]
        answered = {(draft.destination, draft.source) for draft in on_wire if draft.summary == "SYN, ACK"}
        for draft in on_wire:
            opens = draft.summary == "SYN" and draft.source.host == gateway
            if opens and (draft.source, draft.destination) not in answered:
                return f"{side} waits behind its NAT, and does not get the gateway's SYN to {draft.destination}"
    return f"no connection is opened towards {A} or {B}"


def _hellos(drafts: list[Draft]) -> tuple[dict[str, set[bytes]], dict[str, set[bytes]]]:
    """Randoms of the ClientHellos and of the ServerHellos at each access."""
    clients: dict[str, set[bytes]] = {ACCESS_A: set(), ACCESS_B: set()}
    servers: dict[str, set[bytes]] = {ACCESS_A: set(), ACCESS_B: set()}
    for draft in drafts:
        if draft.wire in clients and isinstance(draft.value, Handshake):
            if isinstance(draft.value.body, ClientHello):
                clients[draft.wire].add(draft.value.body.random)
            elif isinstance(draft.value.body, ServerHello):
                servers[draft.wire].add(draft.value.body.random)
    return clients, servers


def _one_session(drafts: list[Draft]) -> bool:
    """Both accesses show one ClientHello and one ServerHello, and they are the same ones."""
    clients, servers = _hellos(drafts)
    return all(len(one[ACCESS_A]) == 1 and one[ACCESS_A] == one[ACCESS_B] for one in (clients, servers))
