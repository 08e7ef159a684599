"""The vocabulary for what goes with a protected termination: what each check says of runs, and of changed ones."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest
from msgspec import structs

from workbench import scenarios
from workbench.analysis.report import Report
from workbench.lab import seen
from workbench.protocols.h248.message import Kind
from workbench.protocols.sip import Request
from workbench.scenarios import fax_edge as fax

TERMINATING, ORIGINATING, FAILURE = "t38-dtls-terminating", "t38-dtls-originating", "t38-dtls-failure"
CLEAR = "UE A has no media plane security"
OLD = "UE A is of release 12 and knows no a=tls-id"
STRIPS = "the IMS-ALG leaves security attributes in the offer"


@cache
def report(id: str, weakened: str | None = None) -> Report:
    """The report of a run with seed 1."""
    return scenarios.get(id).run(seed=1, weakened=weakened).report


def rewritten(whole: Report, wire: str, old: bytes, new: bytes) -> SimpleNamespace:
    """The report with other octets in the bodies of requests on a wire, as if somebody had changed them."""
    messages = [
        structs.replace(one, value=structs.replace(one.value, body=one.value.body.replace(old, new)))
        if one.wire == wire and isinstance(one.value, Request) and one.value.body else one for one in whole.messages]
    return SimpleNamespace(messages=messages, signalling=whole.signalling)


_TLS_IDS = seen.own_tls_ids(fax.ACCESS)
_PRINT = seen.peer_fingerprint_told(fax.ACCESS, "access")
_NO_SETUP = seen.without(fax.CORE, "setup")
_ORDER = seen.in_order(seen.order(Kind.ADD, "core", ("udptl",)), seen.order(Kind.ADD, "access", ("UDP/TLS/UDPTL",)))
_CLOSED = seen.followed(seen.messages("UDPTL", fax.ACCESS, protected=True), seen.close_notify(fax.ACCESS, "IMS-AGW"))


@pytest.mark.parametrize(("fact", "id", "weakened", "wanted"), [
    (_TLS_IDS, ORIGINATING, None, True), (_TLS_IDS, ORIGINATING, OLD, False), (_TLS_IDS, ORIGINATING, CLEAR, None),
    (_TLS_IDS, "tcp-release", None, None),
    (_PRINT, ORIGINATING, None, True), (_PRINT, TERMINATING, None, True), (_PRINT, ORIGINATING, CLEAR, None),
    (_NO_SETUP, ORIGINATING, None, True), (_NO_SETUP, ORIGINATING, STRIPS, False),
    (_ORDER, ORIGINATING, None, True), (_ORDER, TERMINATING, None, False), (_ORDER, ORIGINATING, CLEAR, False),
    (_CLOSED, ORIGINATING, None, True), (_CLOSED, ORIGINATING, "the gateway ends DTLS without close_notify", False),
    (_CLOSED, ORIGINATING, CLEAR, None),
], ids=lambda value: getattr(value, "what", None))
def test_a_fact_holds_or_not(fact, id, weakened, wanted):
    """What is said of a run is true of it: with its frames if it holds, with its reason if not."""
    found = fact.check(report(id, weakened))
    assert (found[0] if found is not None else None) is wanted
    if found is not None:
        assert found[1] if found[0] else found[2]


def test_something_is_seen_or_not():
    """The report that is asked for, and UDPTL of one end."""
    asked = seen.report_asked("tls-change", "access")
    assert asked.find(report(ORIGINATING)) and not asked.find(report(ORIGINATING, CLEAR))
    sent = seen.fax_sent("access", "gateway")
    assert sent.find(report(ORIGINATING)) and not sent.find(report(FAILURE))


def test_another_fingerprint_is_told():
    """Where the gateway is told another one than SDP announces, the check fails."""
    whole = report(ORIGINATING)
    offer = next(one.value for one in whole.messages if isinstance(one.value, Request) and one.value.method == "INVITE")
    said = offer.body.split(b"a=fingerprint:SHA-256 ")[1][:2]
    other = b"00" if said != b"00" else b"11"
    altered = rewritten(whole, fax.ACCESS, b"SHA-256 " + said, b"SHA-256 " + other)
    held, frames, reason = _PRINT.check(altered)
    assert not held and frames and "Remote has" in reason


def test_what_terminals_say_is_changed():
    """The control for what no setting breaks: an attribute of T.38 that does not pass as it is."""
    altered = rewritten(report(ORIGINATING), fax.CORE, b"T38FaxMaxDatagram:400", b"T38FaxMaxDatagram:72")
    kept = seen.in_turn(*(seen.unchanged(fax.ACCESS, fax.CORE, name) for name in fax.ATTRIBUTES))
    assert kept.check(report(ORIGINATING))[0]
    held, _, reason = kept.check(altered)
    assert not held and "T38FaxMaxDatagram" in reason


def test_the_gateways_fingerprint_is_changed_on_its_way():
    """The same for the fingerprint that the gateway has given."""
    travels = seen.gateway_fingerprint_travels(fax.ACCESS)
    whole = report(TERMINATING)
    given = travels.check(whole)
    assert given is not None and given[0]
    offer = next(one.value for one in whole.messages if isinstance(one.value, Request) and one.wire == fax.ACCESS
                 and one.value.method == "INVITE")
    said = offer.body.split(b"a=fingerprint:SHA-256 ")[1][:2]
    held, _, reason = travels.check(rewritten(whole, fax.ACCESS, b"SHA-256 " + said, b"SHA-256 " + said[::-1] + b":"))
    assert not held and "H.248 gave" in reason
