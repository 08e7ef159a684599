"""`workbench mrfp` under a controller of Erlang/OTP: conferences with kamailio, OpenSSL and octets by hand.

Source: TS 23.333 §6.2.20.1 (messages), §6.2.19.2.1 (TLS by a key over H.248); RFC 4975, RFC 4976, RFC 4279.
"""

from __future__ import annotations

import random
import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from interop.agw_stage import BEHIND, CORE, holds
from interop.children import Child, Children
from interop.kamailio import kamailio, relay
from interop.megaco import End, Megaco, described
from interop.msrp_ends import MsrpEnd, OnChild, OnSocket
from interop.psk_ends import openssl_client, openssl_speaks

from workbench.analysis.analyzing import analyze
from workbench.security.psk import PreSharedKey

KEY = PreSharedKey(b"cs1", bytes.fromhex("AE444098F7C20D1D0CFE701A2A72CF3F"))
RELAY = 7010
WORDS = (b"Is everybody here?", b"\r\n-------cs1$\r\nMSRP cs1 200 OK\r\n", "H\u00f6rt ihr mich?".encode(),
         bytes(random.Random(7).choices(b"abc \r\n-$#+", k=5000)))


class Room:
    """`workbench mrfp`, its controller, and one conference.

    Args:
        ebin: folder of Erlang's compiled modules.
    """

    def __init__(self, programs: Children, ebin: Path) -> None:
        self.here, self._programs = programs.address, programs
        self.controller = Megaco(programs, ebin)
        self.mrfp: Child = programs.workbench("mrfp", "mrfp", textwrap.dedent(f"""
            control = "{self.here}:2944"
            controller = "{self.here}:2950"
            media = "{self.here}"
        """), "--capture", str(programs.folder / "mrfp.pcapng"), "--keylog", "--log", "-")
        self.mrfp.says("registered with the controller")
        self.context = "$"
        self.lines: list[OnSocket] = []

    def joined(self, port: int) -> OnSocket:
        """A connection of this process, for as long as the test lasts."""
        self.lines.append(OnSocket.to(self.here, port))
        return self.lines[-1]

    def admits(
        self, name: str, address: str, port: int, path: str, *, active: bool = False, key: PreSharedKey | None = None,
    ) -> tuple[End, str]:
        """One more termination, and its path; `active`: the MRFP opens the connection, and is TLS client on it."""
        proto, scheme = ("TCP/TLS/MSRP", "msrps") if key else ("TCP/MSRP", "msrp")
        mine, yours = ("active", "passive") if active else ("passive", "active")
        own = f"{scheme}://conference.example:2855/{name};tcp"
        end = self.controller.add(
            self.context, "media", described("$", "$", proto, mine, f"a=path:{own}"),
            described(address, port, proto, yours, f"a=path:{path}"),
            starts=",".join(["tcp"] * active + ["tls"] * (active and key is not None)),
            properties=f"tlspsk/pski={key.identity.hex()},tlspsk/psk={key.key.hex()}" if key else "-")
        self.context = end.context
        return end, own

    def dials_in(self, name: str) -> tuple[MsrpEnd, End, OnSocket]:
        """A socket of this process takes part: it opens the connection and binds the session (RFC 4975 §5.4)."""
        path = f"msrp://{self.here}:2855/{name};tcp"
        end, own = self.admits(name, self.here, 9, path)
        line = self.joined(end.port)
        who = MsrpEnd(line, path, own)
        assert who.send().what == "200 OK"
        return who, end, line

    def notified(self, end: End) -> str:
        """Wait until the MRFP reports something at a termination."""
        return self.controller.heard("notified", f"{end.name} ")[2]

    def ends(self) -> Path:
        """No orders are left unanswered, no context is left, and the capture is whole."""
        if self.context != "$":
            self.controller.subtract(self.context)
        holds(self.mrfp, 0)
        assert not self.controller.complaints
        self.mrfp.signal(signal.SIGINT)
        assert self.mrfp.ended() == 0
        return self._programs.folder / "mrfp.pcapng"


@pytest.fixture
def room(programs: Children, ebin: Path) -> Iterator[Room]:
    """An MRFP that has registered; connections of the test are closed at its end."""
    found = Room(programs, ebin)
    yield found
    for line in found.lines:
        line.connection.close()


def test_kamailio_takes_part(programs: Children, room: Room):
    """What a socket says reaches kamailio and a client behind kamailio as relay octet for octet, and the other way.

    kamailio's 200 ends a message, its 403 is told; REPORT confirms to who asks for it (RFC 4975 §7.1.2).
    """
    far = kamailio(programs)
    relay(programs, RELAY)
    here = programs.address
    theirs = f"msrp://{here}:{CORE}/9di4eae923wzd;tcp"
    room.admits("kam", here, CORE, theirs, active=True)
    far.says(rf"^To-Path: {theirs}")  # who opens the connection sends first (RFC 4975 §5.4)
    behind = behind_relay(room)
    raw, *_ = room.dials_in("raw")
    for words in WORDS:
        asked = raw.send(words, "Success-Report: yes")
        assert asked.what == "200 OK"
        confirmed = raw.hears(lambda one, sent=asked: one.header("Message-ID") == f"{sent.transaction}.m")
        assert confirmed.what == "REPORT" and confirmed.header("Status") == "000 200 OK"
        behind.reads(words)
        arrived(far, words)
        back = words[::-1] + b"\xff\x00"
        assert behind.send(back).what == "200 OK"  # the relay's (RFC 4976 §4.3)
        raw.reads(back)
    raw.send(b"this is unwelcome")
    behind.reads(b"this is unwelcome")
    room.mrfp.says("a message did not arrive: 403")
    report = analyze(room.ends())
    answers = [str(one.summary) for one in report.messages if one.protocol == "MSRP" and one.source.port == CORE]
    assert sum(answer.startswith("200") for answer in answers) > len(WORDS), answers
    assert [answer for answer in answers if not answer.startswith("200")] == [answers[-1]]
    assert not [one.rule for one in report.findings if one.severity == "error"]


def behind_relay(room: Room) -> MsrpEnd:
    """A client that reaches the conference through kamailio, which opens the connection to the MRFP (RFC 4976)."""
    line = room.joined(RELAY)
    own = f"msrp://{room.here}:{line.port}/c1;tcp"
    client = MsrpEnd(line, own, "")
    granted = client.asks(f"MSRP a0001xyz AUTH\r\nTo-Path: msrp://{room.here}:{RELAY};tcp\r\nFrom-Path: {own}\r\n"
                          "-------a0001xyz$\r\n".encode(), "a0001xyz")
    assert granted.what == "200 OK"
    used = granted.header("Use-Path")
    end, path = room.admits("behind", BEHIND, 9, f"{used} {own}")
    # A relay goes where the URI says, so a name will not do.
    reached = f"msrp://{room.here}:{end.port}/behind;tcp"
    kept = tuple(one for one in end.local if path not in one)
    room.controller.modify(msgspec.structs.replace(end, local=kept), f"a=path:{reached}", watch="cause,tcp")
    client.to = f"{used} {reached}"
    assert client.send().what == "200 OK"
    return client


def arrived(far: Child, words: bytes) -> None:
    """Wait until kamailio has written these octets, of one chunk after the other."""
    for start in range(0, len(words), 2048):
        chunk = b"\r\n\r\n" + words[start : start + 2048] + b"\r\n-------"
        far.until(lambda chunk=chunk: chunk in bytes(far.errors), f"{chunk[:40]!r}")


def test_who_vanishes_is_reported(programs: Children, room: Room):
    """RST in the middle of a message, and a program that is killed: each is told, and the others go on.

    Of the message that did not end nobody hears anything.
    """
    far = kamailio(programs)
    kam, _ = room.admits("kam", room.here, CORE, f"msrp://{room.here}:{CORE}/9di4eae923wzd;tcp", active=True)
    far.says("^To-Path: ")
    (one, *_), (other, *_), (gone, end, line) = (room.dials_in(name) for name in ("one", "other", "gone"))
    gone.line.write(gone.octets("t9xyz", b"half of it", flag="+") + gone.octets("t10xyz", b"a SEND that")[:-20])
    gone.hears(lambda frame: frame.transaction == "t9xyz")
    line.vanish()
    assert room.notified(end) == "g/cause"
    room.controller.subtract(end.context, end.name)
    far.kill()
    assert room.notified(kam) == "g/cause"
    room.controller.subtract(kam.context, kam.name)
    for who, to in ((one, other), (other, one)):
        assert who.send(who.path.encode()).what == "200 OK"
        to.reads(who.path.encode())
        assert list(to.messages().values()) == [who.path.encode()]
    room.ends()


def keyed_ends(programs: Children, room: Room, key: PreSharedKey) -> list[tuple[MsrpEnd, End, Child]]:
    """OpenSSL with that key as TLS client of the MRFP, and as TLS server that it opens the connection to."""
    paths = [f"msrps://{room.here}:2855/{name};tcp" for name in ("client", "server")]
    end, own = room.admits("client", BEHIND, 9, paths[0], key=KEY)
    child = openssl_client(programs, end.port, key, "1.2")
    found = [(MsrpEnd(OnChild(child), paths[0], own), end, child)]
    child, port = openssl_speaks(programs, key, "1.2")
    end, own = room.admits("server", room.here, port, paths[1], active=True, key=KEY)
    return [*found, (MsrpEnd(OnChild(child), paths[1], own), end, child)]


def test_tls_by_the_key_of_a_ticket(programs: Children, room: Room):
    """MSRP inside TLS whose key came over H.248: OpenSSL as client, and as server that the MRFP opens TLS to.

    What one says reaches the other, and who has no TLS; the active side of TCP is TLS client (RFC 4975 §14.4).
    """
    plain, *_ = room.dials_in("plain")
    (client, *_), (server, *_) = keyed_ends(programs, room, KEY)
    assert client.send().what == "200 OK"
    server.hears(lambda frame: frame.what == "SEND" and frame.body is None)
    everybody = [plain, client, server]
    for number, words in enumerate(WORDS):
        for who in everybody:
            said = words + bytes([number, 0xFF]) + who.path.encode()
            assert who.send(said).what == "200 OK"
            for other in everybody:
                if other is not who:
                    other.reads(said)
    report = analyze(room.ends())
    secured = [one for one in report.messages if one.protocol == "MSRP" and one.protected]
    assert sum(one.summary.startswith("SEND") for one in secured) >= 6 * len(WORDS)
    session = report.sessions[0]
    assert sorted((leg.name, leg.psk_identity) for leg in session.legs) == [
        ("participant 1", ""), ("participant 2", "cs1"), ("participant 3", "cs1")]
    assert not [one.rule for one in report.findings if one.severity == "error"]


def test_another_key(programs: Children, room: Room):
    """An end with another key hears and says nothing, and the controller is told that TLS failed."""
    plain, *_ = room.dials_in("plain")
    for who, end, child in keyed_ends(programs, room, PreSharedKey(KEY.identity, bytes(16))):
        who.line.write(who.octets("t9xyz", b"let me in"))
        assert room.notified(end) == "tlsbsc/bncchange"
        assert child.ended() in (0, 1) and not child.output
    assert plain.send(b"hello").what == "200 OK"
    assert not plain.messages()
    room.ends()
