"""Connection Establishment for Media Anchoring (RFC 6714): what offerer and answerer do, and where a connection goes.

A CEMA endpoint connects to the address of c= and m=, so a middlebox that changes these, and only these, gets the
connection while a=path stays whole from end to end. The two tables below are RFC 6714 §4.2 and §4.3, a row a rule; rows
are tried from the top. The rules O1 to O7 and A1 to A4 are numbered here, the RFC does not number them.

Who opens is settled by a=setup and told by `sdp.tcp_roles` (RFC 6135 §4.2); where to, by `destination`.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Collection

import msgspec

from workbench.protocols.msrp.uri import Matching, Path, Uri

Resolve = Callable[[str], Collection[str] | None]
"""The IP addresses of a host name; None where they can't be found out."""


class Place(msgspec.Struct, frozen=True):
    """Address of `c=` and port of `m=`: where SDP says that media goes."""

    host: str
    port: int


class Model(enum.StrEnum):
    """How an endpoint matches URIs and where it connects to."""

    CEMA = "cema"            # RFC 6714
    SESSMATCH = "sessmatch"  # draft-ietf-simple-msrp-sessmatch before version 11
    PLAIN = "plain"          # RFC 4975

    @property
    def matching(self) -> Matching:
        """How To-Path is compared with the own URI. CEMA leaves a=path alone, so it compares all of it."""
        return Matching.SESSION_ID if self is Model.SESSMATCH else Matching.EXACT


SESSMATCH_AGENT = "workbench-ue (MSRP sessmatch)"
"""What our endpoint with `SESSMATCH` names itself in SIP. The model shows in no SDP attribute, so a person with a
capture has nothing but the name of the software to know it by (RFC 3261 §20.41)."""


def says_sessmatch(agent: str) -> bool:
    """The value of a User-Agent or Server header names session matching."""
    return "sessmatch" in agent.casefold()


class OffererAction(enum.Enum):
    """What a CEMA offerer does when the answer is there."""

    CONNECT = enum.auto()    # to the address of c= and m=
    WAIT = enum.auto()       # the answerer connects
    NORMAL = enum.auto()     # as RFC 4975 and RFC 6135 say
    FALL_BACK = enum.auto()  # a new offer without msrp-cema


class AnswererAction(enum.Enum):
    """What a CEMA answerer does with an offer."""

    REJECT = enum.auto()     # the stream by port 0, or all of the offer by 488
    NORMAL = enum.auto()     # as RFC 4975 and RFC 6135 say, no msrp-cema in the answer
    FALL_BACK = enum.auto()  # the offer had msrp-cema; the answer has not
    USE_CEMA = enum.auto()   # msrp-cema in the answer; `passive` with a relay; who is active connects to c= and m=


class Answer(msgspec.Struct, frozen=True):
    """What a CEMA offerer knows when the answer is there.

    Args:
        cema: the answer has a=msrp-cema.
        equal: its c= and m= name the place of its a=path (`same_place`).
        active: we are to open the connection.
        own_relay: we use an MSRP relay.
        peer_relay: the answerer uses one: its a=path has several URIs.
    """

    cema: bool
    equal: bool
    active: bool
    own_relay: bool = False
    peer_relay: bool = False


class Offer(msgspec.Struct, frozen=True):
    """What a CEMA answerer knows when it answers.

    Args:
        cema: the offer has a=msrp-cema.
        equal: its c= and m= name the place of its a=path (`same_place`).
        peer_active: the offerer would be active.
        own_relay: we use an MSRP relay.
        peer_relay: the offerer uses one: its a=path has several URIs.
        may_be_passive: the offered a=setup lets us be passive.
    """

    cema: bool
    equal: bool
    peer_active: bool = True
    own_relay: bool = False
    peer_relay: bool = False
    may_be_passive: bool = True


class OffererRule(msgspec.Struct, frozen=True):
    """A row of the offerer's table. None fits both."""

    name: str
    action: OffererAction
    cema: bool
    equal: bool | None = None
    active: bool | None = None
    own_relay: bool | None = None
    peer_relay: bool | None = None


class AnswererRule(msgspec.Struct, frozen=True):
    """A row of the answerer's table. None fits both."""

    name: str
    action: AnswererAction
    cema: bool
    equal: bool | None = None
    peer_active: bool | None = None
    own_relay: bool | None = None
    peer_relay: bool | None = None
    may_be_passive: bool | None = None


_DO, _BE = OffererAction, AnswererAction

# RFC 6714 §4.2
OFFERER = (
    OffererRule("O1", _DO.CONNECT, cema=True, active=True),
    OffererRule("O2", _DO.WAIT, cema=True, active=False),
    OffererRule("O3", _DO.NORMAL, cema=False, equal=True),
    OffererRule("O4", _DO.FALL_BACK, cema=False, equal=False, active=False),
    OffererRule("O5", _DO.FALL_BACK, cema=False, equal=False, active=True, own_relay=True),
    OffererRule("O6", _DO.FALL_BACK, cema=False, equal=False, active=True, peer_relay=True),
    OffererRule("O7", _DO.CONNECT, cema=False, equal=False, active=True, own_relay=False, peer_relay=False),
)
"""On the answer to an offer with msrp-cema. Every answer fits a row."""

# RFC 6714 §4.3
ANSWERER = (
    AnswererRule("A1", _BE.REJECT, cema=False, equal=False),
    AnswererRule("A2", _BE.NORMAL, cema=False, equal=True),
    AnswererRule("A3", _BE.FALL_BACK, cema=True, own_relay=True, peer_relay=True),
    AnswererRule("A3", _BE.FALL_BACK, cema=True, peer_relay=True, peer_active=True),
    AnswererRule("A3", _BE.FALL_BACK, cema=True, own_relay=True, may_be_passive=False),
    AnswererRule("A4", _BE.USE_CEMA, cema=True),
)
"""On an offer, at an endpoint that does CEMA. Every offer fits a row."""


def on_answer(answer: Answer) -> OffererRule:
    """What the offerer does: the first row that fits (RFC 6714 §4.2)."""
    return next(rule for rule in OFFERER if _fits(rule, answer))


def on_offer(offer: Offer) -> AnswererRule:
    """What the answerer does: the first row that fits (RFC 6714 §4.3)."""
    return next(rule for rule in ANSWERER if _fits(rule, offer))


def _fits(rule: OffererRule | AnswererRule, seen: Answer | Offer) -> bool:
    return all(getattr(rule, name) in (None, getattr(seen, name)) for name in seen.__struct_fields__)


def same_place(media: Place, path: Path, resolve: Resolve | None = None) -> bool:
    """Whether c= and m= name the place of an a=path: of its leftmost URI, which is the next hop.

    Ports have to agree, and an address: IP addresses as numbers, whatever way they are written; of a host name one
    address is enough. A name that can't be resolved shows nothing, so it agrees with the same name only.

    Source: RFC 6714 §4.4.
    """
    first = path[0]
    if first.port != media.port:
        return False
    if first.host.lower() == media.host.lower():
        return True
    return not _addresses(first.host, resolve).isdisjoint(_addresses(media.host, resolve))


class Destination(msgspec.Struct, frozen=True):
    """Where to connect to, and the rule that says so."""

    host: str
    port: int
    why: str


def destination(
    model: Model, peer_path: Path, media: Place, *, peer_cema: bool = False, own_path: Path = (),
    resolve: Resolve | None = None,
) -> Destination | None:
    """Where an endpoint opens its connection to; None where the URI has no port, as MSRP has no default (RFC 4975 §6).

    Args:
        model: how this endpoint works.
        peer_path: the peer's a=path, as it arrived here.
        media: the peer's c= and m=, as they arrived here.
        peer_cema: the peer's SDP has a=msrp-cema.
        own_path: our own a=path; several URIs say that we use a relay.
        resolve: for `same_place`.

    Source: RFC 4975 §8.1 (path), RFC 6135 §4 (relay), RFC 6714 §4.2, §4.3 (c= and m=).
    """
    if len(own_path) > 1:
        return _to_uri(own_path[0], "our own relay: with one, connect to it [RFC 6135 §4.1]")
    if model is Model.CEMA and peer_cema:
        return Destination(media.host, media.port, "c= and m=: both ends do CEMA [RFC 6714 §4.2, §4.3]")
    if model is Model.CEMA and not same_place(media, peer_path, resolve):
        return Destination(media.host, media.port, "c= and m=, which differ from a=path; no relay [RFC 6714 §4.2]")
    if model is Model.SESSMATCH:
        return _to_uri(peer_path[0], "leftmost URI of a=path: sessmatch differs in matching only [RFC 4975 §8.1]")
    return _to_uri(peer_path[0], "leftmost URI of a=path; c= and m= are not looked at [RFC 4975 §8.1]")


def _to_uri(uri: Uri, why: str) -> Destination | None:
    return None if uri.port is None else Destination(uri.host, uri.port, why)


_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def _addresses(host: str, resolve: Resolve | None) -> set[_IpAddress]:
    try:
        return {ipaddress.ip_address(host)}
    except ValueError:
        found = None if resolve is None else resolve(host)
        return {ipaddress.ip_address(one) for one in found or ()}
