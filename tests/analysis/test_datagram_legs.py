"""DTLS on the legs of a call through a gateway: roles, certificates against SDP, and what belongs to the session."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import udp
from crafted_calls import ACCESS, LEGS, UE, Crafted, found
from dtls_pair import AGW, STRANGER, Pair, client, server
from dtls_pair import UE as UE_IDENTITY

from workbench.analysis.analyzing import analyze
from workbench.analysis.files.twin import write_twin
from workbench.analysis.report import Report
from workbench.net.values import Endpoint
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Indicator, UdptlPacket, indication
from workbench.security.identities import Identity

CED = udptl.encode(UdptlPacket(0, ifp.encode(indication(Indicator.CED))))


def attributes(identity: Identity, setup: str) -> tuple[str, ...]:
    value = identity.fingerprint().value.hex(":").upper()
    return f"setup:{setup}", f"fingerprint:SHA-256 {value}"


CORE_ENDS = (LEGS["core"][2], LEGS["core"][1])


def call(path: Path, announced: Identity = UE_IDENTITY, *, ue_is_client: bool = True) -> Report:
    """A fax call whose access leg is secured; SDP announces this identity for the UE, which keeps its own."""
    setup = ("active", "passive") if ue_is_client else ("passive", "active")
    made = Crafted("", "").agrees("access", attributes(announced, setup[0]), attributes(AGW, setup[1]),
                                  proto="UDP/TLS/UDPTL").agrees("core", (), (), proto="udptl")
    if ue_is_client:
        pair = Pair(client(log_keys=True), server()).shaken()
    else:
        pair = Pair(client(log_keys=True, identity=AGW, announced=[UE_IDENTITY.fingerprint()]),
                    server(identity=UE_IDENTITY, announced=[AGW.fingerprint()])).shaken()
    pair.does(pair.client, pair.client.send(CED)).plays()
    ends = (UE, ACCESS) if ue_is_client else (ACCESS, UE)
    made.frames += [udp(0.5 + at, *(ends if ours else ends[::-1]), octets, LEGS["access"][0])
                    for at, ours, octets in pair.frames]
    made.frames.append(udp(1.9, *CORE_ENDS[:: 1 if ue_is_client else -1], CED, LEGS["core"][0]))
    made.subtracts(2.0)
    log = path / "keys.log"
    log.write_text(pair.keylog)
    return analyze(made.report(path).capture, log)


@pytest.mark.parametrize("ue_is_client", [True, False])
def test_a_leg_shows_roles_suite_and_certificates(tmp_path, ue_is_client):
    """Who is DTLS client, what was agreed, and that both certificates are those of the SDP (RFC 8122 §5)."""
    report = call(tmp_path, ue_is_client=ue_is_client)
    (session,) = [one for one in report.sessions if one.kind != "control"]
    access = next(leg for leg in session.legs if leg.name == "access")
    assert (access.tls_client, access.tls_server) == (("UE A", "IMS-AGW") if ue_is_client else ("IMS-AGW", "UE A"))
    assert (access.tls_version, access.decrypted, access.tcp_client) == ("DTLS 1.2", True, "")
    assert sorted((one.owner, one.matches) for one in access.certificates) == [("IMS-AGW", True), ("UE A", True)]
    assert (access.wire, access.actual) == ("Access", str(UE))
    assert access.opened is not None
    assert access.established is not None
    assert access.established > access.opened
    inside = [m for m in report.messages if m.protocol in ("DTLS", "UDPTL") and m.wire == "Access"]
    assert {m.session for m in inside} == {session.id}
    assert report.on(access) == inside
    assert {frame for m in inside for frame in m.frames} == set(access.frames) <= set(session.frames)
    assert not found(report, "fingerprint-mismatch")


def test_a_session_joins_the_protected_leg_and_the_clear_one(tmp_path):
    """A call of kind `t38`: DTLS on the access leg, and UDPTL in clear on the core leg, with its frames and places."""
    report = call(tmp_path)
    (session,) = [one for one in report.sessions if one.kind != "control"]
    assert (session.kind, session.security) == ("t38", "e2ae")
    access, core = session.legs
    assert (core.name, core.wire, core.transport, core.tls_client) == ("core", "Core", "udptl", "")
    (clear,) = report.on(core)
    assert (clear.protocol, clear.summary, clear.protected) == ("UDPTL", "UDPTL 0 ced", False)
    assert (clear.session, core.frames, core.opened) == (session.id, clear.frames, clear.time)
    assert (core.signalled, core.actual, core.latched) == (str(LEGS["core"][1]), "", None)
    assert (access.signalled, access.actual, access.latched) == (str(UE), str(UE), False)
    assert {*access.frames, *core.frames} <= set(session.frames)


def test_who_is_behind_a_nat_is_named(tmp_path):
    """The association is seen behind the NAT as well, and there is its end; the wire of the leg stays the gateway's."""
    home = Endpoint("10.0.0.10", 7000)
    made = Crafted("", "").agrees("access", attributes(UE_IDENTITY, "active"), attributes(AGW, "passive"),
                                  proto="UDP/TLS/UDPTL")
    pair = Pair(client(log_keys=True), server()).shaken()
    for at, ours, octets in pair.frames:
        behind, before = ((home, ACCESS), (UE, ACCESS)) if ours else ((ACCESS, home), (ACCESS, UE))
        made.frames += [udp(0.5 + at, *behind, octets, "Home"), udp(0.502 + at, *before, octets, LEGS["access"][0])]
    (session,) = [one for one in made.report(tmp_path).sessions if one.kind != "control"]
    access = next(leg for leg in session.legs if leg.name == "access")
    assert (access.tls_client, access.tls_server, access.wire) == (home.host, "IMS-AGW", "Access")
    assert (access.actual, access.latched) == (str(UE), False)
    assert {one.owner for one in access.certificates} == {home.host, "IMS-AGW"}
    assert "TLS client" in session.roles[home.host]
    assert session.handlings == ()


def test_a_certificate_that_was_not_announced_is_found(tmp_path):
    """The rule about fingerprints sees DTLS, too."""
    finding, = found(call(tmp_path, STRANGER), "fingerprint-mismatch")
    assert finding.explanation.startswith("UE A presents a certificate")


def test_the_twin_of_a_call_keeps_its_signalling(tmp_path):
    """Everything but the association stays, and the payload is there in clear."""
    report = call(tmp_path)
    assert write_twin(report, tmp_path / "twin.pcapng") == 1
    twin = analyze(tmp_path / "twin.pcapng")
    kept = [m.summary for m in report.messages if m.protocol in ("SIP", "H.248")]
    assert [m.summary for m in twin.messages if m.protocol in ("SIP", "H.248")] == kept
    assert [m.octets for m in twin.messages if m.protocol == "UDPTL"] == [CED, CED]
    assert [m.summary for m in twin.messages if m.protocol == "UDPTL"] == 2 * ["UDPTL 0 ced"]
