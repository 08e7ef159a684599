"""Calls with sound between UEs on the virtual network: SDP, RTP, hold, and the re-INVITE that turns them into fax."""

from __future__ import annotations

import itertools

import pytest
from test_ue_fax import FAX, HOSTS, Wired, both, primaries
from ue_stage import BOB, Line

from workbench.net.values import DatagramReceived, Drop, Endpoint, Note, SendDatagram
from workbench.nodes.audio_endpoint import AudioEndpoint, Sound
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import Call, HangUp, ReOffer, SendFax, SwitchToFax
from workbench.protocols import sdp, sip
from workbench.protocols.rtp import g711, wire
from workbench.protocols.rtp.messages import PCMA, PCMU, RtpPacket
from workbench.security.source import Source

CALLED = (1.0, "alice", Call(BOB))
FAXES = [(5.0, "alice", SendFax()), (5.0, "bob", SendFax())]
HERE, THERE = Endpoint("192.0.2.1", 20_000), Endpoint("192.0.2.2", 20_000)


class Sounding(Wired):
    """Two UEs whose calls begin with sound."""

    def __init__(self, tmp_path, script, *, until=60.0, **settings):
        settings = {name: {"media": "audio", **settings.get(name, {})} for name in HOSTS}
        super().__init__(tmp_path, script, until=until, **settings)

    def sound(self, name: str) -> list[tuple[float, RtpPacket]]:
        """RTP of one UE, with seconds since the first frame, which is the INVITE."""
        return [(one.time, wire.decode(one.octets)) for one in self.run.report.messages
                if one.source.address == HOSTS[name] and wire.looks_like_rtp(one.octets)
                and one.protocol in ("RTP", "unknown")]

    def offers(self) -> list[sdp.Media]:
        """Streams of INVITEs."""
        return [one for number, one in enumerate(self.streams()) if number % 2 == 0]

    def went_wrong(self, name: str) -> list[str]:
        """What a person is told of orders about a fax that came to nothing."""
        return [words for words in self.hears(name) if words.startswith(
            ("the fax is not sent", "nothing turns into", "the call has not turned", "the session has ended before"))]

    def fax(self, name: str) -> list[bytes]:
        """UDPTL of one UE."""
        return [octets for octets in self.packets(HOSTS[name]) if not wire.looks_like_rtp(octets)]


def test_sound_passes_both_ways_every_20_ms(tmp_path):
    """One source each, numbers one after the other, 160 samples a packet; the caller says CNG, the called one CED."""
    there = Sounding(tmp_path, [CALLED, (4.8, "alice", HangUp())], until=8.0)
    for name, hertz in (("alice", g711.CNG_HERTZ), ("bob", g711.CED_HERTZ)):
        packets = [packet for _, packet in there.sound(name)]
        assert 175 < len(packets) < 195
        assert len({one.ssrc for one in packets}) == 1
        assert {one.payload_type for one in packets} == {PCMA}
        assert [one.marker for one in packets] == [True] + [False] * (len(packets) - 1)
        steps = {((b.sequence - a.sequence) % 2**16, (b.timestamp - a.timestamp) % 2**32)
                 for a, b in itertools.pairwise(packets)}
        assert steps == {(1, 160)}
        tone, silence = g711.piece(PCMA, hertz) * 2, g711.piece(PCMA) * 2
        heard = [one.payload for one in packets]
        assert set(heard) == ({tone, silence} if name == "alice" else {tone})
        assert heard[:25] == [tone] * 25 and (heard[25] == silence) is (name == "alice")


def test_sdp_of_sound(tmp_path):
    """RTP/AVP, no RTCP (RFC 3556), nothing of security although the UE asks for it elsewhere; one format in answers."""
    there = Sounding(tmp_path, [CALLED, (2.0, "alice", HangUp())], until=8.0)
    offer, answer = there.streams()
    assert (offer.media, offer.proto, offer.formats) == ("audio", "RTP/AVP", (str(PCMA), str(PCMU)))
    assert (answer.proto, answer.formats) == ("RTP/AVP", (str(PCMA),))
    for media in (offer, answer):
        lines = [f"{line.type}={line.value}" for line in media.lines]
        assert {"b=RS:0", "b=RR:0", "a=rtpmap:8 PCMA/8000"} <= set(lines)
        assert {"setup", "connection", "fingerprint", "tls-id", "3ge2ae"}.isdisjoint(line.name for line in media.lines)
    assert sdp.check_answer(offer, answer) == []


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("asks", ["alice", "bob"])
def test_sound_turns_into_fax(tmp_path, asks, secure):
    """Whoever offers: m=image in the place of m=audio, no sound behind it, and both recorded terminals to the end."""
    there = Sounding(tmp_path, [CALLED, (2.5, asks, SwitchToFax()), *FAXES, (55.0, "alice", HangUp())],
                     **both(media_security=secure))
    first, second = there.offers()
    assert [first.media, second.media] == ["audio", "image"]
    assert second.proto == ("UDP/TLS/UDPTL" if secure else "udptl")
    assert first.port != second.port
    for name, part in (("alice", "caller"), ("bob", "called")):
        times = [time for time, _ in there.sound(name)]
        assert 70 < len(times) < 80 and max(times) < 1.6
        assert primaries(there.fax(name)) == [one.octets for one in FAX.of(part)]
        assert not there.went_wrong(name)


def test_a_telephone_takes_no_fax_and_sound_goes_on(tmp_path):
    """488 (RFC 3261 §14.2): the same source goes on with its numbers, and the order says that nothing came of it."""
    there = Sounding(tmp_path, [CALLED, (2.5, "bob", SwitchToFax()), (4.5, "alice", HangUp())], until=10.0,
                     alice={"fax": FaxTerminal(taken=False)})
    assert any(one.summary.startswith("488") for one in there.run.report.messages)
    for name in HOSTS:
        packets = [packet for _, packet in there.sound(name)]
        assert len({one.ssrc for one in packets}) == 1 and len(packets) > 160
    assert there.went_wrong("bob") == ["the call has not turned into t38"]


@pytest.mark.parametrize(("sound", "words"), [("never", 0), ("always", 500)])
def test_a_terminal_that_is_silent_or_does_not_stop(tmp_path, sound, words):
    """Two faults to show what then goes wrong: no packet at all, or sound beside the fax until the call is over."""
    there = Sounding(tmp_path, [CALLED, (2.5, "bob", SwitchToFax()), (14.0, "alice", HangUp())],
                     bob={"fax": FaxTerminal(sound=sound)})
    assert len(there.sound("bob")) >= words and bool(there.sound("bob")) is bool(words)
    assert max(time for time, _ in there.sound("alice")) < 1.6


def test_nobody_is_taken_for_a_fax_terminal_who_says_nothing(tmp_path):
    """The order waits for sound, a minute at most; the call goes on."""
    there = Sounding(tmp_path, [CALLED, (2.5, "alice", SwitchToFax()), (65.0, "alice", HangUp())], until=80.0,
                     bob={"fax": FaxTerminal(sound="never")})
    assert there.went_wrong("alice") == ["nothing turns into a fax: no fax terminal is heard"]
    assert len(there.offers()) == 1


def test_both_turn_to_fax_at_once(tmp_path):
    """491 to each (RFC 3261 §14.1); the one whose wait is shorter offers again, and nobody has failed."""
    there = Sounding(tmp_path, [CALLED, (2.5, "alice", SwitchToFax()), (2.5, "bob", SwitchToFax()), *FAXES,
                                (55.0, "alice", HangUp())])
    assert any(one.summary.startswith("491") for one in there.run.report.messages)
    assert not there.went_wrong("alice") and not there.went_wrong("bob")
    assert primaries(there.fax("alice")) == [one.octets for one in FAX.of("caller")]


def test_a_call_without_sound_turns_into_nothing(tmp_path):
    """The order fails with words where the call is a fax already, and where there is none."""
    there = Wired(tmp_path, [CALLED, (2.0, "alice", SwitchToFax()), (3.0, "alice", HangUp()),
                             (4.0, "alice", SwitchToFax())], until=80.0)
    assert there.hears("alice").count("nothing turns into a fax: there is no call with sound") == 2


def test_on_hold_one_side_says_nothing(tmp_path):
    """a=sendonly is answered with a=recvonly (RFC 3264 §8.4): no packet of the held side until it goes on."""
    there = Sounding(tmp_path, [CALLED, (2.0, "alice", ReOffer(hold=True)), (3.0, "alice", ReOffer()),
                                (4.0, "alice", HangUp())], until=8.0)
    held = [time for time, _ in there.sound("bob")]
    assert not [time for time in held if 1.1 < time < 1.9] and max(held) > 2.5
    going = [time for time, _ in there.sound("alice")]
    assert len([time for time in going if 1.1 < time < 1.9]) > 35
    assert len({packet.ssrc for _, packet in there.sound("bob")}) == 1


def test_only_a_payload_type_that_is_known_is_taken():
    """PCMU is answered with PCMU, and G.729 alone with 488 (RFC 3264 §6)."""
    def offer(formats: str) -> str:
        return ("v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
                f"m=audio 30000 RTP/AVP {formats}\r\n")

    line = Line(media="audio")
    line.calls(offer("18"))
    line.hears_status(488)
    line = Line(media="audio")
    line.calls(offer("18 0 8"))
    while not isinstance(line.open[0], SendDatagram) or b" 200 " not in line.open[0].data:
        line.open.pop(0)
    accepted = line.hears()
    assert isinstance(accepted, sip.Response)
    assert sdp.decode(accepted.body).media[0].formats == (str(PCMU),)
    packet = next(command.data for command in line.open if isinstance(command, SendDatagram))
    assert wire.decode(packet).payload_type == PCMU


# The endpoint by itself

def begun(sound: Sound = Sound.SILENCE) -> AudioEndpoint:
    end = AudioEndpoint(HERE, Source(1, "audio"))
    end.take_over(PCMA, sound)
    end.listen()
    end.meet(THERE, (), 0.0, begins=False)
    return end


def test_what_is_no_rtp_is_told_and_rtcp_is_not():
    """Neither counts as heard; the first sound is told once; another address is dropped."""
    end = begun()
    end.news.clear()
    rtcp = bytes.fromhex("81c80006") + bytes(24)
    heard = [wire.encode(RtpPacket(kind, 1, 1, 1, b"\xd5")) for kind in (PCMA, PCMU)]
    for octets in (b"\x80", rtcp, b"", *heard):
        assert end.handle(DatagramReceived(HERE, THERE, octets), 0.0) == []
    assert end.heard == 2
    assert len(end.news) == 3
    stranger = DatagramReceived(HERE, Endpoint("192.0.2.99", 20_000), wire.encode(RtpPacket(PCMA, 1, 1, 1)))
    assert isinstance(end.handle(stranger, 0.0)[0], Drop)


def test_what_a_late_clock_left_out_is_not_sent_at_once():
    """Woken after a second, five packets leave at most; timestamps go on as if the rest had been silence."""
    end = begun()
    late = end.wake(1.0)
    assert len(late) == 5
    first, again = (wire.decode(command.data) for command in (late[0], end.wake(1.02)[0]))
    assert again.sequence - first.sequence == 5
    assert (again.timestamp - first.timestamp) == 160 * 5
    assert [one for one in late if isinstance(one, Note)] == []
