"""T.38 at the access edge: e2ae with DTLS on the access leg and `udptl` in the core, judged by the capture (D1, D2)."""

from __future__ import annotations

import pytest
from fax_stage import FAX, PEER, A, Edge

from workbench.protocols import sdp

ALL = {one.octets for one in FAX.packets}


@pytest.mark.parametrize(("caller", "answers", "begins"), [
    (A, "passive", A), (PEER, "active", A), (PEER, "passive", "IMS-AGW"),
])
def test_dtls_on_the_access_leg_and_udptl_in_the_core(tmp_path, caller, answers, begins):
    """Both sides' packets pass, protected towards the UE; the core reads nothing of security (R-6.2.10.4-2 to -10)."""
    there = Edge(tmp_path, caller, ue={"answers": answers})
    assert there.said("access") == there.said("Core") == ALL
    assert not there.on("access", "unknown")
    assert all(one.protected for one in there.on("access", "UDPTL"))
    hello = next(one for one in there.on("access", "DTLS") if "ClientHello" in one.summary)
    assert hello.source.node == begins
    for media in there.streams("Core"):
        assert media.proto == "udptl"
        assert {"setup", "fingerprint", "tls-id", "3ge2ae"}.isdisjoint(line.name for line in media.lines)
    near = there.streams("access")
    assert {media.proto for media in near} == {"UDP/TLS/UDPTL"}
    assert sdp.check_answer(near[0], near[1]) == []
    assert len({media.attribute("tls-id") for media in near}) == 2
    assert near[0].attribute("3ge2ae") == ("requested" if caller == A else "applied")


def test_plain_fax_without_agreement(tmp_path):
    """A UE without media plane security: `udptl` on both legs, and the gateway's addresses in between."""
    there = Edge(tmp_path, A, ue={"media_security": False})
    assert there.said("access") == there.said("Core") == ALL
    assert {media.proto for media in (*there.streams("access"), *there.streams("Core"))} == {"udptl"}
    assert not there.on("access", "DTLS")


@pytest.mark.parametrize("caller", [A, PEER])
def test_another_certificate_is_refused_and_the_call_released(tmp_path, caller):
    """The gateway notifies, the edge releases, and no packet of the UE has reached the core."""
    there = Edge(tmp_path, caller, ue={"presents": "another"})
    assert any("Notify" in one.summary for one in there.on("Iq", "H.248"))
    assert any(one.summary.startswith("BYE") for one in there.on("access", "SIP"))
    assert there.said("access") == set()
    assert not [one for one in there.on("Core", "UDPTL") if one.source.node == "IMS-AGW"]
    assert any("Subtract" in one.summary for one in there.on("Iq", "H.248"))


def test_dtls_from_end_to_end_is_refused(tmp_path):
    """A core peer that offers UDP/TLS/UDPTL gets 488: there is no such stream (section 9 of the digest)."""
    there = Edge(tmp_path, PEER, peer={"media_security": True})
    assert any(one.summary.startswith("488") for one in there.on("Core", "SIP"))
    assert not there.on("Iq", "DTLS") and not there.on("access", "DTLS")
