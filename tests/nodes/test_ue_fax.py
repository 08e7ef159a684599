"""Fax between UEs on the virtual network: SDP, roles in DTLS, both recorded terminals, and what goes wrong."""

from __future__ import annotations

import pytest
from ue_stage import ALICE, BOB

from workbench.analysis.values import Leg
from workbench.lab.scenario import Scenario, at
from workbench.lab.topology import Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint, Note
from workbench.nodes.orders import Call, HangUp, SendFax, SendText
from workbench.protocols import sdp
from workbench.protocols.t38 import recorded, udptl

HOSTS = {"alice": "192.0.2.1", "bob": "192.0.2.2"}
FAX = recorded.load()
SENT = [(5.0, "alice", SendFax()), (5.0, "bob", SendFax())]


class Wired:
    """Two UEs on one wire with nothing in between."""

    def __init__(self, tmp_path, script, *, alice=None, bob=None, until=60.0):
        more = {"alice": alice or {}, "bob": bob or {}}
        nodes = tuple(
            Ue(name, uri, wire="wire", address=HOSTS[name], registers=False,
               proxy=Endpoint(HOSTS["bob" if name == "alice" else "alice"], 5060), **{"media": "t38", **more[name]})
            for name, uri in (("alice", ALICE), ("bob", BOB)))
        scenario = Scenario("fax", "a fax", "test", (), (), "", Topology((Wire("wire", delay=0.005),), nodes), {},
                            tuple(at(*line) for line in script), (), (), until=until)
        self.run = scenario.start(seed=1, out=tmp_path).finish()

    def packets(self, source: str) -> list[bytes]:
        """UDPTL packets that one UE has sent, with repetitions."""
        return [one.octets for one in self.run.report.messages
                if one.protocol == "UDPTL" and one.source.address == source]

    def kinds(self) -> set[str]:
        return {one.protocol for one in self.run.report.messages}

    def streams(self) -> list[sdp.Media]:
        """The streams of all SDP, in order."""
        bodies = [one.octets.partition(b"\r\n\r\n")[2] for one in self.run.report.messages if one.protocol == "SIP"]
        return [sdp.decode(body).media[0] for body in bodies if body]

    def leg(self) -> tuple[str, Leg]:
        """The security of the call and its only leg, as the capture shows them."""
        (call,) = [one for one in self.run.report.sessions if one.kind == "t38"]
        (leg,) = call.legs
        return call.security, leg

    def hears(self, name: str) -> list[str]:
        """What a person is told. (No packet says why an order did not come about.)"""
        return [entry.what.text for entry in self.run.trace.of(name) if isinstance(entry.what, Note)]


def primaries(octets: list[bytes]) -> list[bytes]:
    """IFP packets in these UDPTL packets, each once."""
    found = {packet.sequence: packet.primary for packet in map(udptl.decode, octets)}
    return [found[number] for number in range(len(found))]


def both(**settings: object) -> dict[str, dict[str, object]]:
    return {"alice": dict(settings), "bob": dict(settings)}


@pytest.mark.parametrize(("secure", "offers", "answers"), [
    (False, "active", "passive"), (True, "active", "passive"), (True, "actpass", "active"),
    (True, "actpass", "passive"),
])
def test_a_fax_passes_between_two_ues(tmp_path, secure, offers, answers):
    """In clear and in DTLS, whoever is DTLS client: what both terminals said is in the capture, octet for octet."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB)), *SENT, (50.0, "alice", HangUp())],
                  alice={"media_security": secure, "offers": offers},
                  bob={"media_security": secure, "answers": answers})
    assert primaries(wired.packets(HOSTS["alice"])) == [one.octets for one in FAX.of("caller")]
    assert primaries(wired.packets(HOSTS["bob"])) == [one.octets for one in FAX.of("called")]
    assert wired.kinds() - {"ICMP"} == {"SIP", "UDPTL"} | ({"DTLS"} if secure else set())
    security, leg = wired.leg()
    assert (security, leg.name, leg.decrypted) == ("e2e" if secure else "none", "end to end", secure)
    if secure:
        assert leg.tls_client == ("bob" if answers == "active" else "alice")
        assert [one.matches for one in leg.certificates] == [True, True]


def test_sdp_in_clear(tmp_path):
    """m=image, udptl, T.38's attributes, and nothing of security or connections (T.38 annex D)."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB)), (5.0, "alice", HangUp())], **both(media_security=False))
    offer, answer = wired.streams()
    for media in (offer, answer):
        assert (media.media, media.proto, media.formats) == ("image", "udptl", ("t38",))
        assert media.attribute("T38FaxUdpEC") == "t38UDPRedundancy"
        assert {"setup", "connection", "fingerprint", "tls-id", "3ge2ae"}.isdisjoint(
            {line.name for line in media.lines if line.type == "a"})
    assert sdp.check_answer(offer, answer) == []


def test_sdp_with_dtls(tmp_path):
    """UDP/TLS/UDPTL, requested, fingerprints, roles, and an a=tls-id of each side's own (RFC 7345, RFC 8842)."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB)), (5.0, "alice", HangUp())], alice={"offers": "actpass"})
    offer, answer = wired.streams()
    assert {offer.proto, answer.proto} == {"UDP/TLS/UDPTL"}
    assert (offer.attribute("setup"), answer.attribute("setup")) == ("actpass", "passive")
    assert (offer.attribute("3ge2ae"), answer.attribute("3ge2ae")) == ("requested", None)
    ids = {media.attribute("tls-id") for media in (offer, answer)}
    assert len(ids) == 2
    assert all(sdp.valid_tls_id(one or "") for one in ids)
    assert all(media.fingerprints and media.port not in (0, 9) for media in (offer, answer))
    assert sdp.check_answer(offer, answer) == []


def test_another_certificate_stops_the_fax(tmp_path):
    """Bob's certificate is not what his SDP says: no UDPTL in either direction, and the order fails with words."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB)), *SENT], bob={"presents": "another"}, until=120.0)
    assert wired.packets(HOSTS["alice"]) == wired.packets(HOSTS["bob"]) == []
    assert "DTLS" in wired.kinds()
    assert [(one.owner, one.matches) for one in wired.leg()[1].certificates] == [("bob", False)]
    assert "the fax is not sent: there is no session for it" in wired.hears("alice")


def test_a_ue_without_media_security_takes_no_dtls(tmp_path):
    """488, and nothing of media."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB))], bob={"media_security": False})
    assert any(one.summary.startswith("488") for one in wired.run.report.messages)
    assert wired.kinds() == {"SIP"}


def test_a_call_that_ends_in_the_middle_ends_the_fax(tmp_path):
    """BYE: close_notify, no packet behind it, and the person hears that not all has left."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB)), *SENT, (10.0, "bob", HangUp())])
    assert 0 < len(primaries(wired.packets(HOSTS["alice"]))) < len(FAX.of("caller"))
    messages = wired.run.report.messages
    ended = next(one for one in messages if "close_notify" in one.summary)
    assert not [one for one in messages if one.protocol == "UDPTL" and one.index > ended.index]
    assert "the session has ended before the whole fax was sent" in wired.hears("alice")


def test_orders_for_another_media(tmp_path):
    """A text over fax, and a fax that nobody has recorded, fail with words."""
    wired = Wired(tmp_path, [(1.0, "alice", Call(BOB)), (2.0, "alice", SendText("hello")),
                             (3.0, "alice", SendFax("nothing"))])
    assert wired.kinds() == {"SIP", "DTLS"}
    heard = wired.hears("alice")
    assert any("no MSRP" in words for words in heard)
    assert any("there are one_page" in words for words in heard)
