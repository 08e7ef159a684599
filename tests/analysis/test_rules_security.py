"""Rules on TLS, DTLS, e2ae, BFCP and T.38: for each a capture that breaks it, and one that keeps it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from crafted_calls import Crafted, found
from test_rules_dtls import OURS, THEIRS, FaxCall

from workbench import scenarios
from workbench.analysis.rules import weak_security
from workbench.analysis.values import Leg
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.registry import Primitive, Status

CASES: list[tuple[str, str, str]] = [
    ("mismatch-accepted", "e2ae-fingerprint-mismatch", "the gateway checks nothing"),
    ("tls-without-fingerprint", "e2ae-fingerprint-mismatch",
     "the IMS-ALG and its gateway go on without a fingerprint"),
    ("handshake-given-up-early", "e2ae-handshake-timeout", "the gateway gives up after a second"),
    ("handshake-not-given-up", "t38-dtls-failure", "the gateway waits for ever"),
    ("clear-taken-for-payload", "e2ae-handshake-timeout", "the gateway takes what is no TLS for payload"),
    ("core-ended-by-order", "e2ae-tls-release", "the gateway keeps its other connection"),
    ("both-tls-clients", "e2ae-bfcp-terminating",
     "UE A lets a=setup decide who begins TLS, and opens TCP: both ends send a ClientHello"),
    ("floor-undecided", "e2ae-bfcp-originating", "the chair hears of no request"),
    ("bfcp-refused", "e2ae-bfcp-originating", "the floor control server asks no chair"),
    ("association-renewed", "t38-dtls-reoffer",
     "the IMS-ALG takes each exchange for one that makes a new association"),
    ("former-association-dropped", "t38-dtls-reoffer", "the gateway drops the former association at once"),
    ("tls-id-ignored", "t38-dtls-reoffer", "the IMS-ALG reads no a=tls-id"),
    ("dtls-not-closed", "t38-dtls-switch", "the gateway ends DTLS without close_notify"),
    ("tls-id-missing", "t38-dtls-switch", "UE A is of release 12 and knows no a=tls-id"),
    ("sound-beside-fax", "t38-dtls-switch", "Peer B's terminal goes on with its tone beside the fax"),
    ("fax-refused", "t38-dtls-switch", "UE A takes no fax"),
]


@pytest.mark.parametrize(("rule", "id", "control"), CASES, ids=[case[0] for case in CASES])
def test_a_control_is_said_to_break_the_rule_that_the_case_keeps(rule, id, control):
    """`tests/scenarios/test_catalogue.py` runs every control and every case, and holds them to what they say here."""
    scenario = scenarios.get(id)
    weak = next(one for one in scenario.weakened if one.name == control)
    assert rule in weak.rules and rule not in scenario.shown(weak.knobs)


@pytest.mark.parametrize(("wrong", "broken"), [("unagreed", True), ("another", False)])
def test_e2ae_that_nobody_agreed_on(tmp_path, wrong, broken):
    """UE A asks for it with or without msrp-tls in its registration."""
    report = scenarios.get("e2ae-fingerprint-mismatch").run("virtual", 1, tmp_path, wrong=wrong).report
    assert bool(found(report, "e2ae-not-agreed")) == broken


@pytest.mark.parametrize(("value", "broken"), [("requested", False), ("applied", True)])
def test_the_word_of_the_wrong_side(tmp_path, value, broken):
    """`applied` is what the network says (TS 24.229 §7.5.2)."""
    made = Crafted().agrees("access", (f"3ge2ae:{value}", THEIRS), (OURS,), proto="TCP/TLS/MSRP")
    assert bool(found(made.report(tmp_path), "e2ae-direction")) == broken


@pytest.mark.parametrize(("line", "broken"), [
    ("fingerprint:SHA-1 " + ":".join(["AB"] * 20), True), ("fingerprint:md5 " + ":".join(["AB"] * 16), True),
    (THEIRS, False),
])
def test_a_weak_hash(tmp_path, line, broken):
    """SHA-256 should always be there (RFC 8122 §5)."""
    told = found(FaxCall(offer=(line,)).report(tmp_path), "weak-fingerprint")
    assert bool(told) == broken
    assert all("UE A has fingerprints by" in one.explanation for one in told)


@pytest.mark.parametrize(("version", "suite", "broken"), [
    ("TLS 1.0", "TLS_RSA_WITH_AES_128_CBC_SHA", True), ("DTLS 1.0", "", True),
    ("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA", True), ("TLS 1.2", "TLS_RSA_WITH_NULL_SHA256", True),
    ("TLS 1.3", "TLS_AES_128_GCM_SHA256", False), ("DTLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", False),
])
def test_a_weak_version_or_suite(version, suite, broken):
    """What RFC 8996 and RFC 7465 have taken away."""
    leg = Leg("access", "Access", tls_client="UE A", tls_server="IMS-AGW", tls_version=version, cipher_suite=suite,
              frames=(4, 5))
    report: Any = SimpleNamespace(sessions=(SimpleNamespace(legs=(leg,)),))
    assert bool(list(weak_security.version_rule.find(report))) == broken


def said(primitive: Primitive, transaction: int, *attributes: bfcp.Attribute) -> bytes:
    return wire.encode(bfcp.Message(primitive, 4321, transaction, 234, attributes))


def floor_status(*statuses: Status) -> bytes:
    """FloorStatus of floor 543 with one request for each status."""
    told = [bfcp.request_information(bfcp.Request(number, (bfcp.FloorStatus(543),), status))
            for number, status in enumerate(statuses, 1)]
    return said(Primitive.FLOOR_STATUS, 0, bfcp.floor_id(543), *told)


def floors(tmp_path, *octets: tuple[int, bytes]) -> Any:
    made = Crafted().agrees("access", ("setup:active",), ("setup:passive",), proto="TCP/BFCP")
    talk = made.talk("access").opens(at=0.6)
    for direction, one in octets:
        talk.says(direction, one)
    return made.add(talk).until(30.0).report(tmp_path)


@pytest.mark.parametrize("answered", [True, False])
def test_a_request_that_nobody_answers(tmp_path, answered):
    """A Hello, with its HelloAck or without."""
    ack = said(Primitive.HELLO_ACK, 1, bfcp.supported(11, (1, 11)), bfcp.supported(10, (1, 2)))
    report = floors(tmp_path, (0, said(Primitive.HELLO, 1)), *([(1, ack)] if answered else []))
    assert bool(found(report, "bfcp-unanswered")) != answered


@pytest.mark.parametrize(("statuses", "broken"), [
    ((Status.GRANTED, Status.ACCEPTED), False), ((Status.GRANTED, Status.GRANTED), True),
])
def test_a_floor_with_two_holders(tmp_path, statuses, broken):
    """Two granted requests in one FloorStatus."""
    report = floors(tmp_path, (0, said(Primitive.FLOOR_QUERY, 1, bfcp.floor_id(543))), (1, floor_status(*statuses)))
    assert bool(found(report, "floor-two-holders")) == broken
