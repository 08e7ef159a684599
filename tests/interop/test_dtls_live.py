"""Our DTLS against OpenSSL's and GnuTLS's, both roles, with certificates on both sides, over a way that loses."""

from __future__ import annotations

import pytest
from interop import dtls_ends, tls_ends
from interop.children import Children
from interop.dtls_ends import End, Faults

from workbench.net.sockets import free_port
from workbench.security.dtls import Cookies, DtlsSession, Failed, PeerClosed
from workbench.security.identities import Identity
from workbench.security.source import Source

OURS = Identity.self_signed("agw.example.net", Source(6, "agw"))
STRANGER = Identity.self_signed("stranger.example.net", Source(6, "stranger"))
# The way of each direction: as it should be; or with datagrams of several flights lost, doubled or late.
WAYS = {
    "perfect": (Faults(), Faults()),
    "lossy": (Faults(lost=frozenset({0}), doubled=frozenset({2})),
              Faults(lost=frozenset({2}), doubled=frozenset({1}), late=frozenset({4}))),
}
# Behind a cookie, the flight with our Finished is the third datagram of a client, and the fourth of a server.
CLIENT_WAYS = WAYS | {"Finished lost": (Faults(lost=frozenset({2})), Faults())}
SERVER_WAYS = WAYS | {"Finished lost": (Faults(lost=frozenset({3})), Faults())}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> tls_ends.Identity:
    """The certificate of the program on the other side."""
    return tls_ends.identity(tmp_path_factory.mktemp("peer"), "peer")


def joined(programs: Children, peer: tls_ends.Identity, port: int, way: str) -> End:
    """Our client, on its way to a server."""
    session = DtlsSession(OURS, True, announced=dtls_ends.announced(peer), mtu=600)
    return End(session, (programs.address, 0), (programs.address, port), *CLIENT_WAYS[way])


@pytest.mark.parametrize(("way", "options"), [
    ("perfect", ()), ("lossy", ()), *((way, ("-listen",)) for way in CLIENT_WAYS),
])  # fmt: skip
def test_our_client_and_openssl(
    programs: Children, peer: tls_ends.Identity, way: str, options: tuple[str, ...],
) -> None:
    """With and without its cookie: payload both ways, and OpenSSL shows our certificate."""
    server, port = dtls_ends.openssl_server(programs, peer, *options)
    with joined(programs, peer, port, way) as end:
        assert end.comes_up().version == "DTLS 1.2"
        assert tls_ends.server_saw(server) == OURS.fingerprint().value.hex(":").upper()
        end.does(end.session.send(b"from us\n"))
        server.says("from us")
        server.write(b"from OpenSSL\n")
        end.hears(b"from OpenSSL\n")
        assert (end.session.repeated > 0) == (way != "perfect")
        end.does(end.session.close())


@pytest.mark.parametrize("way", CLIENT_WAYS)
def test_our_client_and_gnutls(programs: Children, peer: tls_ends.Identity, way: str) -> None:
    """GnuTLS asks for a cookie and a certificate, and gives back what it hears."""
    _, port = dtls_ends.gnutls_echo(programs, peer)
    with joined(programs, peer, port, way) as end:
        end.comes_up()
        end.does(end.session.send(b"there and back\n"))
        end.hears(b"there and back\n")
        end.does(end.session.close())


@pytest.mark.parametrize("way", SERVER_WAYS)
@pytest.mark.parametrize("name", dtls_ends.CLIENTS)
def test_our_server(programs: Children, peer: tls_ends.Identity, name: str, way: str) -> None:
    """OpenSSL's and GnuTLS's clients bring our cookie back, show their certificate, and exchange payload."""
    port = free_port(stream=False)
    session = DtlsSession(OURS, False, announced=dtls_ends.announced(peer), mtu=600, cookies=Cookies(b"of this test"))
    with End(session, (programs.address, port), None, *SERVER_WAYS[way]) as end:
        client = dtls_ends.CLIENTS[name](programs, port, peer)
        end.comes_up()
        client.write(b"from a client\n")
        end.hears(b"from a client")
        end.does(end.session.send(b"from us\n"))
        client.says("from us")
        client.end_input()
        end.until(lambda: PeerClosed() in end.heard, "close_notify")


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_certificate_that_was_not_announced_is_told_to_openssl(
    programs: Children, peer: tls_ends.Identity, role: str,
) -> None:
    """OpenSSL reads bad_certificate, alert 42 (RFC 8122 §6.2)."""
    wrong, failed = [STRANGER.fingerprint()], []
    if role == "client":
        other, port = dtls_ends.openssl_server(programs, peer)
        end = End(DtlsSession(OURS, True, announced=wrong), (programs.address, 0), (programs.address, port))
    else:
        port = free_port(stream=False)
        end = End(DtlsSession(OURS, False, announced=wrong), (programs.address, port), None)
        other = dtls_ends.openssl_client(programs, port, peer)
    with end:
        end.until(lambda: any(isinstance(event, Failed) for event in end.heard), "failure")
        failed += [event.alert for event in end.heard if isinstance(event, Failed)]
        assert failed == [42]
        other.says("bad certificate")
