"""A UE that promises DTLS and does something else, on purpose."""

from __future__ import annotations

import pytest

from workbench.errors import LocalProtocolError
from workbench.net.values import Endpoint, SendDatagram
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.ue.dtls_faults import UntrueDtls
from workbench.protocols.tls.datagrams import looks_like_dtls
from workbench.security import dtls
from workbench.security.identities import Identity
from workbench.security.source import Source

OURS = Identity.self_signed("ue.example", Source(1, "ue"))
THEIRS = Identity.self_signed("agw.example", Source(1, "agw"))
RECORD_HEADER = 13
HERE, THERE = Endpoint("203.0.113.10", 20000), Endpoint("198.51.100.1", 40000)


def untrue(speaks: str, *, client: bool) -> UntrueDtls:
    return UntrueDtls(dtls.DtlsSession(OURS, client), speaks, Source(1, "noise").octets)  # type: ignore[arg-type]


def sent(events: list[dtls.Event]) -> list[bytes]:
    return [event.octets for event in events if isinstance(event, dtls.Transmit)]


def test_only_hellos():
    """ClientHello, its repetition, and the cookie; nothing more once a ServerHello is there."""
    server = dtls.DtlsSession(THEIRS, False, cookies=dtls.Cookies(b"k" * 32))
    server.start(0.0)
    ue = untrue("hello", client=True)
    (hello,) = sent(ue.start(0.0))
    (again,) = sent(ue.wake(ue.next_wakeup()))
    assert again[RECORD_HEADER:] == hello[RECORD_HEADER:]       # in a record with a number of its own
    (verify,) = sent(server.receive_datagram(hello, 1.0, "ue"))
    (second,) = sent(ue.receive_datagram(verify, 1.0))
    flight = sent(server.receive_datagram(second, 1.0, "ue"))
    assert flight and second != hello
    assert [ue.receive_datagram(one, 1.1) for one in flight] == [[]] * len(flight)
    assert ue.next_wakeup() is None and ue.wake(9.0) == []


@pytest.mark.parametrize("client", [True, False])
def test_silence(client):
    """It never says anything, and is never up."""
    ue = untrue("nothing", client=client)
    assert ue.start(0.0) == ue.announce([]) == ue.receive_datagram(b"\x16" * 60, 1.0) == ue.close() == []
    assert ue.next_wakeup() is None and ue.state is not dtls.State.UP
    with pytest.raises(LocalProtocolError):
        ue.send(b"x")


@pytest.mark.parametrize("client", [True, False])
def test_garbage_once(client):
    """Octets that are no record: at once as client, as server when something has come."""
    ue = untrue("garbage", client=client)
    first = sent(ue.start(0.0))
    assert bool(first) is client
    (noise,) = first or sent(ue.receive_datagram(b"\x16" * 60, 1.0))
    assert not looks_like_dtls(noise)
    assert sent(ue.receive_datagram(b"\x16" * 60, 2.0)) == []


def test_clear_octets_beside_dtls():
    """They leave as they are, to where the session is; nothing leaves without one."""
    end = FaxEndpoint(HERE, secure=lambda client: dtls.DtlsSession(OURS, client))
    assert end.speak_clear(b"clear") == []
    end.meet(THERE, [THEIRS.fingerprint()], 0.0, begins=True)
    (command,) = end.speak_clear(b"clear")
    assert isinstance(command, SendDatagram)
    assert (command.local, command.remote, command.data) == (HERE, THERE, b"clear")
    end.close(1.0)
    assert end.speak_clear(b"clear") == []
