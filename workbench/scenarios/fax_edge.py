"""A fax at one access edge: UE A and a terminal beyond the core, DTLS towards UE A and clear UDPTL in the core.

What terminals say is recorded, so both play their part of one call, whatever reaches them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import structs

from workbench.lab.scenario import At, Knob, at
from workbench.lab.topology import Behind, Changes, Topology, Ue
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import Call, HangUp, Register, SendFax
from workbench.scenarios import access_edge as edge

A, PEER = "UE A", "Peer B"
ACCESS, CORE = "UE A access", edge.CORE
URI_A, URI_PEER = "sip:alice@home1.example", "sip:bob@home2.example"

_URIS = {A: URI_A, PEER: URI_PEER}
# Deployed terminals repeat one to three packets; with this many a page comes whole through wires that lose one in ten.
_DEPTH = 6


def ue_a() -> Ue:
    """The terminal at the access edge."""
    return structs.replace(edge.served_ue(A, URI_A), media="t38", offers="actpass", answers="active",
                           fax=FaxTerminal(depth=_DEPTH))


def peer() -> Ue:
    """The terminal beyond the core."""
    return structs.replace(edge.core_peer(PEER, URI_PEER), media="t38", fax=FaxTerminal(depth=_DEPTH))


def topology() -> Topology:
    """The access edge with both terminals."""
    # A handshake may have to come through bad wires, so the gateway waits longer than usual.
    return edge.access_edge(ue_a(), peer()).changed({"IMS-AGW": {"tls_guard": 60.0}})


def fax_script(
    caller: Literal["UE A", "Peer B"], *, call: float = 1.0, fax: float = 35.0, hang_up: float = 60.0,
    page: str = "one_line",
) -> tuple[At, ...]:
    """UE A registers, one calls the other, both play their part of a recorded fax, and the caller hangs up.

    Args:
        call, fax, hang_up: seconds; bad wires have time to let the call and its handshake through before the fax.
        page: which recording; see `protocols.t38.recorded`.
    """
    called = PEER if caller == A else A
    return (
        at(0.0, A, Register()),
        at(call, caller, Call(_URIS[called])),
        at(fax, caller, SendFax(page)),
        at(fax, called, SendFax(page)),
        at(hang_up, caller, HangUp()),
    )


# Knobs

def offered_setup_knob() -> Knob:
    """`a=setup` in UE A's offer, which says who may be DTLS client (RFC 8842 §5)."""
    return _setup_knob("offers", ("actpass", "active", "passive"))


def answered_setup_knob() -> Knob:
    """`a=setup` in UE A's answer to the edge's `actpass`."""
    return _setup_knob("answers", ("active", "passive"))


def _setup_knob(setting: Literal["offers", "answers"], values: tuple[str, ...]) -> Knob:
    word = "offer" if setting == "offers" else "answer"
    return Knob(
        "setup", f"a=setup in UE A's {word}: who is DTLS client, UE A (active) or the gateway (passive)"
        + ("; actpass leaves it to the IMS-ALG, which has UE A begin" if "actpass" in values else ""),
        {value: {A: {setting: value}} for value in values}, default=values[0])


def nat_knob() -> Knob:
    """Whether UE A sits behind a NAT; it has to be DTLS client then (R-6.2.10.4-11)."""
    nat = Behind(f"NAT of {A}", wire=f"{A} home", address="10.0.0.10", inside="10.0.0.1")
    return Knob(
        "nat", "where UE A sits: reachable, or behind a NAT that filters by address and port (the IMS-AGW latches)",
        {"none": {}, "behind": {A: {"behind": nat}}}, default="none",
        conflicts={"behind": ("setup", "passive", (
            "a gateway that is DTLS client has nobody to send its ClientHello to before it has latched, and UE A "
            "waits for one: it sends nothing to latch on (TS 23.334 §6.2.10.4)"))})


def recovery_knob() -> Knob:
    """What UDPTL does against loss (T.38 §9)."""
    ways: tuple[Literal["redundancy", "fec", "none"], ...] = ("redundancy", "fec", "none")
    return Knob(
        "recovery", "what UDPTL does against loss: each packet repeats former ones, or has FEC, or nothing is done",
        {way: _both("fax", FaxTerminal(way, _DEPTH)) for way in ways}, default="redundancy")


def ip_knob() -> Knob:
    """Which IP version each side of the edge has."""
    return edge.ip_knob(ue_a(), peer())


def _both(setting: str, value: object) -> Changes:
    return {A: {setting: value}, PEER: {setting: value}}
