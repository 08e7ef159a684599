"""Our TLS-PSK against OpenSSL's and GnuTLS's, both roles: RFC 4279's suites, RFC 5487's, and TLS 1.3."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from interop import psk_ends
from interop.children import PATIENCE, Children
from interop.psk_ends import End

from workbench.security.events import Established, Failed, PeerClosed
from workbench.security.psk import KeyRing, PreSharedKey, PskSession

TEK = PreSharedKey(b"ticket-cs-1", bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f"))
WRONG = PreSharedKey(TEK.identity, bytes(16))
STRANGE = PreSharedKey(b"ticket-cs-2", TEK.key)
# What is agreed: with two floors of the same name, the one suite that RFC 4279 has for AES-128.
SUITES = {"1.2": "PSK-", "1.2 ECDHE": "ECDHE-PSK-", "1.2 DHE": "DHE-PSK-", "1.2 floor": "PSK-AES128-CBC-SHA",
          "1.3": "TLS_"}
EVERY = "kPSK:kECDHEPSK:kDHEPSK"


def session(keys: PreSharedKey | KeyRing, client: bool, way: str = "1.2") -> PskSession:
    return PskSession(keys, client, versions=[way[:3]], suites=EVERY)


@contextmanager
def served(programs: Children, name: str, offered: PreSharedKey, way: str = "1.2") -> Iterator[tuple[End, object]]:
    """Our server, which has many keys, and somebody's client on its way to it."""
    ring = KeyRing([TEK, *(PreSharedKey(f"user-{number}".encode(), bytes([number]) * 16) for number in range(1, 50))])
    with socket.create_server((programs.address, 0)) as listener:
        listener.settimeout(PATIENCE)
        client = psk_ends.CLIENTS[name](programs, listener.getsockname()[1], offered, way)
        connection, _ = listener.accept()
        with connection, End(session(ring, False, way), connection) as end:
            yield end, client


@pytest.mark.parametrize("way", psk_ends.WAYS)
@pytest.mark.parametrize("name", psk_ends.SERVERS)
def test_our_client(programs: Children, name: str, way: str) -> None:
    """Their server takes our identity and key; payload passes both ways, and close_notify ends it."""
    port = psk_ends.SERVERS[name](programs, TEK, way)
    with End.joined(session(TEK, True, way), programs.address, port) as end:
        established = end.sees(Established)
        assert (established.version, established.suite[: len(SUITES[way])]) == (way[:3], SUITES[way])
        assert end.session.hint == (b"" if way == "1.3" else b"mrfp")
        end.does(end.session.send(b"there\n"))
        end.hears(b"ereht\n" if name == "openssl" else b"there\n")
        end.does(end.session.close())
        if name == "gnutls":
            end.sees(PeerClosed)


@pytest.mark.parametrize(("name", "way"), psk_ends.CLIENT_WAYS)
def test_our_server(programs: Children, name: str, way: str) -> None:
    """Among fifty identities our server finds theirs; payload passes both ways, and close_notify ends it."""
    with served(programs, name, TEK, way) as (end, client):
        established = end.sees(Established)
        assert (established.version, established.psk_identity) == (way[:3], TEK.identity)
        assert established.suite.startswith(SUITES[way])
        client.write(b"from a client\n")
        end.hears(b"from a client\n")
        end.does(end.session.send(b"from us\n"))
        client.says("from us")
        client.end_input()
        end.sees(PeerClosed)


@pytest.mark.parametrize("way", ["1.2", "1.3"])
@pytest.mark.parametrize("name", psk_ends.CLIENTS)
def test_our_server_does_not_know_them(programs: Children, name: str, way: str) -> None:
    """S17: their client reads unknown_psk_identity, and ends with an error."""
    with served(programs, name, STRANGE, way) as (end, client):
        failed = end.sees(Failed)
        assert (failed.alert, failed.ours) == (115, True)
        assert end.session.unknown_identity == STRANGE.identity
        if name == "openssl":
            client.says("unknown psk identity.*alert number 115")
        assert client.ended() != 0


@pytest.mark.parametrize(("way", "alert"), [("1.2", 20), ("1.3", 51)])
@pytest.mark.parametrize("name", psk_ends.CLIENTS)
def test_our_server_has_another_key(programs: Children, name: str, way: str, alert: int) -> None:
    """S18: bad_record_mac or decrypt_error, before any payload."""
    with served(programs, name, WRONG, way) as (end, client):
        failed = end.sees(Failed)
        assert (failed.alert, failed.ours) == (alert, True)
        assert client.ended() != 0


@pytest.mark.parametrize(("name", "way", "key", "alert"), [
    ("openssl", "1.2", WRONG, 20), ("openssl", "1.3", STRANGE, 40), ("openssl", "1.3", WRONG, 47),
    ("gnutls", "1.2", WRONG, 20), ("gnutls", "1.2", STRANGE, 20), ("gnutls", "1.3", WRONG, 47),
], ids=lambda value: "" if isinstance(value, int) else value if isinstance(value, str) else value.identity.decode())
def test_their_server_refuses_us(programs: Children, name: str, way: str, key: PreSharedKey, alert: int) -> None:
    """Each library has alerts of its own for it; our client tells them, and hands nothing up.

    GnuTLS hides which identities it has: it goes on with a random key (RFC 4279 §2).
    """
    port = psk_ends.SERVERS[name](programs, TEK, way)
    with End.joined(session(key, True, way), programs.address, port) as end:
        failed = end.sees(Failed)
        assert (failed.alert, failed.ours, end.payload) == (alert, False, b"")
