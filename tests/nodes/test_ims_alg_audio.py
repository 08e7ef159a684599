"""Sound at the access edge in clear, and what becomes of it when a re-INVITE asks for T.38: judged by the capture."""

from __future__ import annotations

import pytest
from fax_stage import FAX, PEER, URIS, A, Edge

from workbench.lab.topology import Behind
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import Call, HangUp, Register, ReOffer, SendFax, SwitchToFax
from workbench.protocols.h248 import message as h248
from workbench.protocols.rtp import wire
from workbench.protocols.t38 import udptl

ALL = {one.octets for one in FAX.packets}
NAT = Behind(f"NAT of {A}", wire=f"{A} home", address="10.0.0.10", inside="10.0.0.1")


class Sounding(Edge):
    """A call with sound, and what happens in it."""

    def __init__(self, tmp_path, caller, more=(), *, ue=None, peer=None, changes=None, hang_up=50.0):
        called = PEER if caller == A else A
        super().__init__(
            tmp_path, caller, ue={"media": "audio", **(ue or {})}, peer={"media": "audio", **(peer or {})},
            changes=changes, script=((0.0, A, Register()), (1.0, caller, Call(URIS[called])), *more,
                                     (hang_up, caller, HangUp())))

    def sound(self, wire_name: str) -> dict[str, list[float]]:
        """Times of RTP by the name of who has sent it on a wire."""
        found: dict[str, list[float]] = {}
        for one in self.on(wire_name, "RTP", "unknown"):
            if wire.looks_like_rtp(one.octets):
                found.setdefault(one.source.node, []).append(one.time)
        return found

    def said(self, wire_name: str) -> set[bytes]:
        """IFP packets on a wire, in whatever direction."""
        return {udptl.decode(one.octets).primary for one in self.on(wire_name, "UDPTL", "unknown")
                if not wire.looks_like_rtp(one.octets)}

    def bearers(self) -> list[tuple[str, str]]:
        """Media and transport of what is added at the gateway, by the controller's requests."""
        return [(local.media[0].media, local.media[0].proto)
                for one in self.on("Iq", "H.248") if isinstance(one.value, h248.Message) and "Add" in one.summary
                for body in one.value.body if isinstance(body, h248.Request)
                for action in body.actions for command in action.commands
                for descriptor in command.descriptors if isinstance(descriptor, h248.Media)
                for stream in descriptor.streams for local in stream.local or ()]


@pytest.mark.parametrize("caller", [A, PEER])
def test_sound_passes_in_clear_both_ways(tmp_path, caller):
    """RTP/AVP on both legs; on Iq nothing but an opaque UDP bearer, no fingerprint, no event of DTLS (R-5.11.1-1)."""
    there = Sounding(tmp_path, caller, hang_up=3.0)
    for name in ("access", "Core"):
        assert {media.proto for media in there.streams(name)} == {"RTP/AVP"}
        sent = there.sound(name)
        assert set(sent) == {"IMS-AGW", A if name == "access" else PEER}
        assert all(len(times) > 80 for times in sent.values())
    assert there.bearers() == [("-", "udp")] * 2
    assert not any(b"fingerprint" in one.octets or b"tlsbsc" in one.octets for one in there.on("Iq", "H.248"))


def test_the_gateway_latches_on_sound_behind_a_nat(tmp_path):
    """The UE's SDP names a private address: what comes for it goes where its own packets come from (TS 23.334 §5.4)."""
    there = Sounding(tmp_path, A, ue={"behind": NAT}, hang_up=3.0)
    assert any(b"latch" in one.octets.lower() for one in there.on("Iq", "H.248"))
    assert len(there.sound("home")[A]) > 80
    assert len([one for one in there.on("home", "RTP", "unknown") if one.destination.node == A]) > 80
    call = next(one for one in there.report.sessions if one.legs)
    assert [(leg.name, leg.transport, leg.bearer, leg.latched) for leg in call.legs] == [
        ("access", "RTP/AVP", "udp", True), ("core", "RTP/AVP", "udp", False)]
    assert {frame for one in there.on("Core", "RTP") for frame in one.frames} <= set(call.frames)


def test_hold_closes_the_gate_one_way(tmp_path):
    """a=sendonly: Change Through-Connection, no new address, and the held side is silent."""
    there = Sounding(tmp_path, A, [(2.0, A, ReOffer(hold=True)), (3.0, A, ReOffer())], hang_up=4.0)
    held = there.sound("Core")[PEER]
    assert not [time for time in held if 2.2 < time < 2.9] and max(held) > 3.5
    assert len(there.bearers()) == 2


@pytest.mark.parametrize("asks", [A, PEER])
@pytest.mark.parametrize("caller", [A, PEER])
def test_sound_turns_into_fax_over_dtls(tmp_path, caller, asks):
    """A stream of its own (R-6.2.10.4-14): DTLS on the access leg, udptl in the core; sound's terminations go."""
    there = Sounding(tmp_path, caller, [(2.5, asks, SwitchToFax()), (5.0, A, SendFax(waits=False)),
                                        (5.0, PEER, SendFax(waits=False))], ue={"answers": "active"})
    assert [media.proto for media in there.streams("Core")] == ["RTP/AVP"] * 2 + ["udptl"] * 2
    assert [media.proto for media in there.streams("access")] == ["RTP/AVP"] * 2 + ["UDP/TLS/UDPTL"] * 2
    last = there.streams("Core")[-2:]
    assert all({"setup", "fingerprint", "tls-id", "3ge2ae"}.isdisjoint(line.name for line in media.lines)
               for media in last)
    offer = there.streams("access")[2]
    assert offer.attribute("3ge2ae") == ("requested" if asks == A else "applied")
    assert there.said("access") == there.said("Core") == ALL
    assert all(one.protected for one in there.on("access", "UDPTL"))
    assert {name: max(times) < 2.7 for name, times in {**there.sound("access"), **there.sound("Core")}.items()} == {
        A: True, PEER: True, "IMS-AGW": True}
    assert len([one for one in there.on("Iq", "H.248") if one.summary.startswith("Subtract")]) == 2
    image = ("image", "UDP/TLS/UDPTL"), ("image", "udptl")
    assert there.bearers()[:2] == [("-", "udp")] * 2 and set(there.bearers()[2:]) == set(image)


@pytest.mark.parametrize("asks", [A, PEER])
def test_where_no_fax_is_taken_sound_goes_on(tmp_path, asks):
    """488 comes through; what was reserved for the fax is subtracted, the terminations of sound are not touched."""
    other = {"fax": FaxTerminal(taken=False)}
    there = Sounding(tmp_path, A, [(2.5, asks, SwitchToFax())], ue=other if asks == PEER else None,
                     peer=other if asks == A else None, hang_up=5.0)
    for name in ("access", "Core"):
        assert any(one.summary.startswith("488") for one in there.on(name, "SIP"))
        assert all(max(times) > 4.9 for times in there.sound(name).values())
    subtracted = [one for one in there.on("Iq", "H.248") if one.summary.startswith("Subtract")]
    assert [one.time < 3.0 for one in subtracted] == [True, False]
    assert not there.on("access", "DTLS")
