"""What the end-to-end TLS scenarios share: two UEs, two access edges, and what must be seen where nothing goes wrong.

Source: TS 23.334 §6.2.10A, §5.16.2.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.lab import seen
from workbench.lab.expect import Eventually, Expectation, Holds, Never
from workbench.lab.scenario import At, Knob, at
from workbench.lab.topology import Ue
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
GATEWAYS = ("IMS-AGW A", "IMS-AGW B")
WIRES = (tcp.ACCESS_A.wire, tcp.CORE_A.wire, tcp.ACCESS_B.wire)

ASKED = "UE A's offer asks for TLS, and not for security at its edge"
UNTOUCHED = "offer and answer pass both edges with other addresses and nothing else"
PLAIN = "both gateways are told \"TCP\" on both sides"
UNTOLD = "no gateway is told of TLS: no bearer type, fingerprint, event or signal"
ARRIVES = "all octets of UE A's connection leave towards UE B as they came, until the call ends"
RETURNS = "all octets of UE B's connection leave towards UE A as they came, until the call ends"
CHECKED = "both UEs' certificates match the fingerprints that reached the other side"
HIDDEN = "MSRP is on every wire, and never in the clear"
CONFIRMED = "UE A's message is confirmed by UE B"
CONFIRMED_TOO = "UE B's message is confirmed by UE A"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

PROVISIONAL = "that MSRP over TLS with fingerprints and no a=3ge2ae is what asks for end-to-end security"

TALK: tuple[At, ...] = (
    at(0.0, A, Register()),
    at(0.0, B, Register()),
    at(10.0, A, Call(tcp.URI_B)),
    at(14.0, A, SendText(tcp.OPENING)),
    at(14.5, B, SendText(tcp.REPLY)),
    at(40.0, A, HangUp(after_heard=1)),
)


def ue_a(**settings: Any) -> Ue:
    """UE A behind its NAT, asking for security up to the other UE."""
    return msgspec.structs.replace(tcp.ue_a(), media_security=True, secures="e2e", **settings)


def ue_b(**settings: Any) -> Ue:
    """UE B behind its NAT, the same."""
    return msgspec.structs.replace(tcp.ue_b(), media_security=True, secures="e2e", **settings)


def session(client: str) -> Expectation:
    """One TLS session from UE to UE, seen on every wire."""
    wires = WIRES if client == A else WIRES[::-1]
    return Holds(f"one TLS session runs from UE to UE, and {client} is its client", seen.one_tls_session(*wires))


ASKS = Holds(ASKED, seen.in_turn(
    seen.says(tcp.ACCESS_A.wire, "offer", "3ge2ae", None),
    seen.all_of(seen.offer(tcp.ACCESS_A.wire, transport="TCP/TLS/MSRP", attribute="fingerprint"))))

OFFERED: tuple[Expectation, ...] = (
    ASKS,
    Holds(UNTOUCHED, seen.only_addresses_change(*WIRES)),
    Holds(PLAIN, seen.in_turn(*(seen.transports({"access": "TCP", "core": "TCP"}, gateway=one) for one in GATEWAYS))),
    Never(UNTOLD, seen.told_of_security(*GATEWAYS), provided=seen.orders_to(*GATEWAYS)),
)
"""What SDP and H.248 say."""

PASSED: tuple[Expectation, ...] = (
    Holds(ARRIVES, seen.octets_pass(tcp.ACCESS_A, tcp.ACCESS_B)),
    Holds(RETURNS, seen.octets_pass(tcp.ACCESS_B, tcp.ACCESS_A)),
    Holds(CHECKED, seen.in_turn(seen.certificates_match("access A"), seen.certificates_match("access B"))),
    Holds(HIDDEN, seen.passes_unread(*WIRES)),
    Eventually(CONFIRMED, seen.delivered(A)),
    Eventually(CONFIRMED_TOO, seen.delivered(B)),
)
"""What the media plane shows."""

ORDERLY: tuple[Expectation, ...] = (
    Holds(ANSWERED, seen.every_order_is_answered()),
    Holds(RELEASED, seen.context_is_released()),
)


def tls_knob() -> Knob:
    """Which TLS version the UEs speak."""
    return Knob(
        "tls", "TLS version between the UEs",
        {"1.3": {one: {"tls_versions": ("1.3",)} for one in (A, B)},
         "1.2": {one: {"tls_versions": ("1.2",)} for one in (A, B)}}, default="1.3")


def tcp_knob() -> Knob:
    """How both gateways handle TCP below TLS; nothing else may be seen of it."""
    return Knob(
        "tcp", "how both gateways handle TCP: with roles (aware), or as a relay of packets (stateless)",
        {"aware": {}, "stateless": {"IMS-ALG A": {"tcp": "stateless"}, "IMS-ALG B": {"tcp": "stateless"}}},
        default="aware")
