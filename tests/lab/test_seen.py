"""The vocabulary of expectations: what each check says of captures that bear it out, and of others that do not."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest

from workbench import scenarios
from workbench.analysis.report import Report
from workbench.lab import seen
from workbench.lab.expect import Fact, Seen
from workbench.lab.seen.msrp import without_paths
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.protocols.h248.message import Kind, Mode

UE_A, CORE = seen.Side("UE A access"), seen.Side("Core")
UE_B = seen.Side("UE B access")
A_ACTIVE, B_ACTIVE, RELAY = "tcp-aware-a-active", "tcp-aware-b-active", "tcp-stateless-relay"
MERGE, RELEASE, AGAIN, DELAYED = "tcp-merge-terminating", "tcp-release", "tcp-renegotiation", "tcp-delayed"
TWO_EDGES = "tcp-direction-modified"
CEMA, SESSMATCH, PLAIN = "msrp-cema", "msrp-sessmatch", "msrp-aware-plain"


def run(id: str, weakened: str | None = None, **knobs: str) -> tuple[str, str | None, tuple[tuple[str, str], ...]]:
    """A run of a scenario, as the table below names it."""
    return id, weakened, tuple(knobs.items())


@cache
def report(id: str, weakened: str | None, knobs: tuple[tuple[str, str], ...]) -> Report:
    """Its report."""
    return scenarios.get(id).run(seed=1, weakened=weakened, **dict(knobs)).report


# Whether a fact holds in a run; None: the run can't tell.
_ROLES = seen.told({"access": "passive", "core": "active"})
_NO_ROLES = seen.told({"access": "", "core": ""})
_TCP = seen.transports({"access": "TCP", "core": "TCP"})
_KEPT = seen.attribute(UE_A.wire, "connection", offer="existing", answer="existing", exchange=2)
_SPARING = seen.only_addresses_since(seen.reoffer(UE_A.wire))
_LATCHED = seen.source_is_latched(UE_A, realm="access", told=UE_A.wire)
_UNTOUCHED = seen.path_passes(UE_A.wire, CORE.wire, "untouched", role="offer")
_REWRITTEN = seen.path_passes(UE_A.wire, CORE.wire, "rewritten", role="offer")
_REPLACED = seen.path_passes(UE_A.wire, CORE.wire, "replaced", role="offer")
_CLOSED = "UE B's port is closed"

BFCP, BFCP_AGAIN = "e2ae-bfcp-originating", "e2ae-bfcp-renegotiation"
MISMATCH, TIMEOUT, TLS_END = "e2ae-fingerprint-mismatch", "e2ae-handshake-timeout", "e2ae-tls-release"
PEOPLE = seen.Side("Access")
_BOTH_WAIT = "UE A lets a=setup decide who begins TLS, and is TCP-passive: both ends wait for a ClientHello"
_QUIET = seen.no_handshake_since(seen.reoffer("Access"), "Access")
_UP, _TLS_FAILED = seen.is_up(PEOPLE), seen.tls_failure_reported("access")

FACTS: list[tuple[Fact, tuple, bool | None]] = [
    (seen.says(UE_A.wire, "offer", "setup", "active"), run(A_ACTIVE), True),
    (seen.says(UE_A.wire, "offer", "setup", "active"), run(B_ACTIVE), False),
    (seen.says(UE_A.wire, "offer", "setup", "active"), run(MERGE), None),
    (seen.setup(UE_A.wire, "answer", "passive"), run(A_ACTIVE), True),
    (seen.setup(UE_A.wire, "answer", "passive"), run(B_ACTIVE), False),
    (seen.setup(UE_A.wire, "answer", "passive"), run(MERGE), None),
    (_KEPT, run(AGAIN), True),
    (_KEPT, run(AGAIN, offer="new"), False),
    (_KEPT, run(A_ACTIVE), None),
    (seen.unchanged(UE_A.wire, CORE.wire, "setup"), run(A_ACTIVE), True),
    (seen.unchanged(UE_A.wire, CORE.wire, "setup"), run("tcp-merge-originating"), False),
    (seen.unchanged(UE_A.wire, CORE.wire, "setup"), run(MERGE), None),
    (_ROLES, run(A_ACTIVE), True),
    (_ROLES, run(RELAY), False),
    (_ROLES, run(TWO_EDGES), None),
    (_NO_ROLES, run(RELAY), True),
    (_NO_ROLES, run(A_ACTIVE), False),
    (_NO_ROLES, run(TWO_EDGES), None),
    (_TCP, run(A_ACTIVE), True),
    (_TCP, run(PLAIN), False),
    (_TCP, run(TWO_EDGES), None),
    (seen.paths_told(), run(PLAIN), True),
    (seen.paths_told(), run(CEMA), False),
    (seen.paths_told(), run(TWO_EDGES), None),
    (_SPARING, run(AGAIN), True),
    (_SPARING, run(AGAIN, offer="new"), False),
    (_SPARING, run(A_ACTIVE), None),
    (seen.context_is_released(), run(A_ACTIVE), True),
    (seen.context_is_released(), run(RELEASE, "the gateway has no state of the connection"), False),
    (seen.once(seen.failure_reported("core")), run(A_ACTIVE, fault="refused"), True),
    (seen.once(seen.failure_reported("core")), run(A_ACTIVE), False),
    (seen.once(seen.sip_request("BYE", CORE.wire), never=(seen.subtracted(),)), run(A_ACTIVE), False),
    (seen.in_turn(_TCP, _ROLES), run(A_ACTIVE), True),
    (seen.in_turn(_TCP, _ROLES), run(RELAY), False),
    (seen.in_turn(_TCP, _ROLES), run(TWO_EDGES), None),
    (seen.handled("relay", UE_A, CORE), run(RELAY), True),
    (seen.handled("relay", UE_A, CORE), run(A_ACTIVE), False),
    (seen.handled("relay", UE_A, CORE), run(RELAY, fault="refused"), None),
    (seen.handled("proxy", UE_A, CORE), run(A_ACTIVE), True),
    (seen.handled("proxy", UE_A, CORE), run(RELAY), False),
    (seen.handled("proxy", UE_A, CORE), run(RELAY, fault="refused"), None),
    (seen.handled("merge by proxy", UE_B, CORE), run(MERGE), True),
    (seen.handled("merge by proxy", UE_B, CORE), run(MERGE, merge="translation"), False),
    (seen.handled("merge by proxy", UE_B, CORE), run(A_ACTIVE), None),
    (seen.handled("merge by translation", UE_B, CORE), run(MERGE, merge="translation"), True),
    (seen.handled("merge by translation", UE_B, CORE), run(MERGE), False),
    (seen.handled("merge by translation", UE_B, CORE), run(A_ACTIVE), None),
    (seen.segments_pass(UE_A, CORE), run(RELAY), True),
    (seen.segments_pass(UE_A, CORE), run(A_ACTIVE), False),
    (seen.segments_pass(UE_A, CORE), run(TWO_EDGES), None),
    (seen.arrives(UE_A, CORE), run(A_ACTIVE), True),
    (seen.arrives(UE_A, CORE), run(PLAIN), False),
    (seen.arrives(UE_A, CORE), run(MERGE), None),
    (seen.arrives(UE_A, CORE, paths=False), run(PLAIN), True),
    (seen.arrives(UE_A, CORE, paths=False), run(PLAIN, _CLOSED), False),
    (seen.arrives(UE_A, CORE, paths=False), run(MERGE), None),
    (seen.silent_until(UE_A, CORE), run(DELAYED), True),
    (seen.silent_until(UE_A, CORE), run(A_ACTIVE, fault="never"), None),
    (seen.silent_until(UE_A, UE_B), run(A_ACTIVE), False),
    (_LATCHED, run(A_ACTIVE, nat="behind"), True),
    (_LATCHED, run(A_ACTIVE), False),
    (_LATCHED, run(MERGE), None),
    (seen.second_is_refused(UE_B), run(MERGE), True),
    (seen.second_is_refused(UE_B), run(A_ACTIVE), None),
    (seen.second_is_refused(UE_A), run(AGAIN, offer="new"), False),
    (seen.second_is_refused(UE_A), run(A_ACTIVE), None),
    (seen.connections(UE_A, 1), run(AGAIN), True),
    (seen.connections(UE_A, 1), run(AGAIN, offer="new"), False),
    (seen.connections(UE_A, 1), run(MERGE), None),
    (seen.opened(UE_A, by="peer"), run(A_ACTIVE), True),
    (seen.opened(UE_A, by="peer"), run(B_ACTIVE), False),
    (seen.opened(UE_A, by="peer"), run(MERGE), None),
    (seen.flushed_then_ended(UE_A, CORE), run(RELEASE), True),
    (seen.flushed_then_ended(UE_A, CORE), run(RELEASE, "the gateway rewrites MSRP"), False),
    (seen.flushed_then_ended(UE_A, CORE), run(RELEASE, how="reset"), None),
    (seen.goes_where_sdp_says(UE_A), run(CEMA), True),
    (seen.goes_where_sdp_says(UE_A), run(PLAIN), False),
    (seen.goes_where_sdp_says(UE_A), run(B_ACTIVE), None),
    (_UNTOUCHED, run(CEMA), True),
    (_UNTOUCHED, run(SESSMATCH), False),
    (_UNTOUCHED, run(MERGE), None),
    (_REWRITTEN, run(SESSMATCH), True),
    (_REWRITTEN, run(PLAIN), False),
    (_REWRITTEN, run(MERGE), None),
    (_REPLACED, run(PLAIN), True),
    (_REPLACED, run(CEMA), False),
    (_REPLACED, run(MERGE), None),
    (seen.paths_as_told(UE_A), run(CEMA), True),
    (seen.paths_as_told(UE_A), run(SESSMATCH), False),
    (seen.paths_as_told(UE_A), run(MERGE), None),
    (seen.paths_as_told(UE_A, whole=False), run(SESSMATCH), True),
    (seen.paths_as_told(UE_A, whole=False), run(MERGE), None),
    (seen.tls_client_follows("access", "offerer"), run(BFCP), True),
    (seen.tls_client_follows("access", "offerer"), run(BFCP, _BOTH_WAIT), False),
    (seen.tls_client_follows("access", "setup"), run(BFCP, tcp_active="peer"), False),
    (seen.floor_passes("Core", (234, 235)), run(BFCP), True),
    (seen.floor_passes("Core", (235, 234)), run(BFCP), False),
    (seen.floor_passes("Core", (234, 235)), run(A_ACTIVE), None),
    (seen.chair_decides(234, "Access"), run(BFCP), True),
    (seen.chair_decides(234, "Access"), run(BFCP, "the floor control server asks no chair"), False),
    (seen.chair_decides(234, "Access"), run(A_ACTIVE), None),
    (seen.later_tls_client("access", "gateway"), run(BFCP_AGAIN, offer="new"), True),
    (seen.later_tls_client("access", "peer"), run(BFCP_AGAIN, offer="new"), False),
    (seen.later_tls_client("access", "gateway"), run(BFCP_AGAIN), None),
    (_QUIET, run(BFCP_AGAIN), True),
    (_QUIET, run(BFCP_AGAIN, offer="new"), False),
    (_QUIET, run(A_ACTIVE), None),
    (seen.certificate_differs("access"), run(MISMATCH), True),
    (seen.certificate_differs("access"), run(BFCP), False),
    (seen.certificate_differs("access"), run(A_ACTIVE), None),
    (seen.certificate_differs("access", "UE A"), run(MISMATCH), True),
    (seen.certificate_differs("access", "UE A"), run(MISMATCH, wrong="gateway"), False),
    (seen.certificate_differs("access", "IMS-AGW"), run(MISMATCH, wrong="gateway"), True),
    (seen.none_left(CORE), run(MISMATCH), True),
    (seen.none_left(CORE), run(MISMATCH, "the gateway checks nothing"), False),
    (seen.none_left(seen.Side("nowhere")), run(MISMATCH), None),
    (seen.patience(_UP, _TLS_FAILED, 9.0), run(TIMEOUT), True),
    (seen.patience(_UP, _TLS_FAILED, 60.0), run(TIMEOUT), False),
    (seen.patience(_UP, _TLS_FAILED, 9.0), run(BFCP), None),
]

# How often something is seen in a run: more than never, or never.
SEEN: list[tuple[Seen, tuple, tuple]] = [
    (seen.comes(UE_A, "SYN"), run(A_ACTIVE), run(B_ACTIVE)),
    (seen.leaves(CORE, "SYN"), run(A_ACTIVE), run(MERGE)),
    (seen.is_up(CORE), run(A_ACTIVE), run(A_ACTIVE, fault="refused")),
    (seen.latching_ordered("access"), run(A_ACTIVE, nat="behind"), run(A_ACTIVE)),
    (seen.ordered("tcp-establish", "access"), run(B_ACTIVE, start="signal"), run(B_ACTIVE)),
    (seen.failure_reported("access"), run(A_ACTIVE, fault="never"), run(A_ACTIVE, fault="refused")),
    (seen.release_reported("access"), run(RELEASE), run(RELEASE, how="order")),
    (seen.anything_reported(), run(RELEASE), run(RELAY)),
    (seen.order(Kind.ADD, "core", ("TCP",)), run(A_ACTIVE), run(PLAIN)),
    (seen.order(Kind.ADD, "core", ("TCP",), nth=2), run(AGAIN, offer="new"), run(AGAIN)),
    (seen.modified("core", ("TCP/MSRP",)), run("msrp-cema-fallback"), run(CEMA)),
    (seen.mode("core", Mode.SEND_ONLY), run(AGAIN, offer="hold"), run(AGAIN)),
    (seen.reoffer(UE_A.wire), run(AGAIN), run(A_ACTIVE)),
    (seen.reoffer(UE_A.wire, name="sendonly", value=""), run(AGAIN, offer="hold"), run(AGAIN)),
    (seen.after(seen.reoffer(UE_A.wire), seen.delivered("UE A")), run(AGAIN), run(A_ACTIVE)),
    (seen.any_of(seen.leaves(UE_B, "SYN"), seen.leaves(CORE, "SYN")), run(A_ACTIVE), run(MERGE)),
    (seen.delivered("UE A"), run(A_ACTIVE), run(A_ACTIVE, fault="refused")),
    (seen.response(481, CORE.wire), run(SESSMATCH, "UE B compares the whole URI"), run(SESSMATCH)),
    (seen.floor_message(Primitive.FLOOR_REQUEST, 234, "Access", protected=True), run(BFCP), run(A_ACTIVE)),
    (seen.floor_status(234, Status.GRANTED, "Core", protected=False), run(BFCP),
     run(BFCP, "the chair hears of no request")),
    (_TLS_FAILED, run(TIMEOUT), run(BFCP)),
    (seen.alert("bad_certificate", UE_A.wire, "IMS-AGW"), run(MISMATCH), run(A_ACTIVE)),
    (seen.client_hello("Access"), run(BFCP), run(TIMEOUT)),
    (seen.finished("Access"), run(BFCP), run(TIMEOUT)),
    (seen.obeyed(Kind.MODIFY, "core"), run(BFCP), run("e2ae-bfcp-terminating")),
    (seen.fatal_alert(UE_A.wire, "UE A"), run(TLS_END, how="alert"), run(TLS_END, how="clear")),
    (seen.fatal_alert(UE_A.wire), run(TLS_END, how="clear"), run(TLS_END)),
    (seen.close_notify(UE_A.wire, "UE A"), run(TLS_END), run(TLS_END, how="cut")),
    (seen.release_reported("access", "FT"), run(TLS_END, how="cut"), run(TLS_END)),
    (seen.release_reported("access", "NR"), run(TLS_END), run(TLS_END, how="reset")),
    (seen.octets(UE_A, b"no-tls", by_gateway=False), run(TLS_END, how="clear"), run(TLS_END)),
    (seen.octets(CORE, b"That was all.", by_gateway=True), run(TLS_END), run(TLS_END, how="verification")),
    (seen.no_tls("Access", "UE A"), run(TIMEOUT, fails="clear"), run(BFCP)),
    (seen.no_tls("Access", "UE A"), run(TIMEOUT, fails="garbage", tls_client="gateway"), run(TIMEOUT)),
    (seen.clear_payload("Access", "IMS-AGW"), run(TIMEOUT, "the gateway takes what is no TLS for payload"), run(BFCP)),
    (seen.presented("access", "UE A"), run(BFCP), run(MISMATCH, wrong="none")),
    (seen.bare_tls(UE_A.wire, "UE A"), run(MISMATCH, wrong="bare"), run(MISMATCH, wrong="downgrade")),
    (seen.sip_response(502, "INVITE", "Core"), run(MISMATCH, wrong="downgrade"), run(MISMATCH)),
    (seen.added(), run(MISMATCH), run(MISMATCH, wrong="unagreed")),
]


@pytest.mark.parametrize(("fact", "case", "wanted"), FACTS, ids=lambda value: getattr(value, "what", None))
def test_a_fact_holds_or_not(fact, case, wanted):
    """What is said of a run is true of it: with its frames if it holds, with its reason if not."""
    found = fact.check(report(*case))
    assert (found[0] if found is not None else None) is wanted
    if found is not None:
        assert found[1] if found[0] else found[2]


@pytest.mark.parametrize(("what", "there", "missing"), SEEN, ids=lambda value: getattr(value, "what", None))
def test_something_is_seen_or_not(what, there, missing):
    """Occurrences are in order of the capture, and there is none where nothing happened."""
    found = what.find(report(*there))
    assert found and found == sorted(found) and all(found)
    assert what.find(report(*missing)) == []


def test_an_order_without_an_answer_is_missed():
    """Each request needs its reply, and one without an error."""
    whole = report(*run(A_ACTIVE))
    replies = [m for m in whole.messages if m.protocol == "H.248" and m.summary.startswith("Reply")]
    cut = SimpleNamespace(messages=[message for message in whole.messages if message is not replies[-1]])
    held, frames, reason = seen.every_order_is_answered().check(cut)
    assert not held and frames and "never answered" in reason
    assert seen.every_order_is_answered().check(SimpleNamespace(messages=[])) is None


def test_bodies_that_look_like_messages_are_left_alone():
    """Without the paths, a stream differs in the path headers of its messages and in nothing else."""
    message = (b"MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:2/y;tcp\r\nMessage-ID: 1\r\n\r\n"
               b"To-Path: no header\r\n-------abcd$\r\n")
    assert without_paths(message) == (
        b"MSRP abcd SEND\r\nMessage-ID: 1\r\n\r\nTo-Path: no header\r\n-------abcd$\r\n")


def test_everything_of_the_vocabulary_can_be_used():
    """`seen` has each function of its rooms under one name."""
    assert all(callable(getattr(seen, name)) or name == "SECURITY_ATTRIBUTES" for name in seen.__all__)
