"""Ends of TLS-PSK that nobody here wrote (OpenSSL's, GnuTLS's), and ours on a TCP connection."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import TypeVar

from interop.children import PATIENCE, Child, Children
from programs import need

from workbench.net.sockets import free_port
from workbench.security.events import Data, Event, Transmit
from workbench.security.psk import PreSharedKey, PskSession

_GNUTLS = {
    "1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK",
    "1.2 ECDHE": "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK",
    "1.2 DHE": "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-PSK",
    "1.2 floor": "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA1",
    "1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+DHE-PSK",
}
_OPENSSL = {
    "1.2": ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256"),
    "1.2 ECDHE": ("-tls1_2", "-cipher", "kECDHEPSK"),
    "1.2 DHE": ("-tls1_2", "-cipher", "kDHEPSK"),
    "1.2 floor": ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA"),
    "1.3": ("-tls1_3",),
}
WAYS = list(_OPENSSL)

_T = TypeVar("_T", bound=Event)


def openssl_client(programs: Children, port: int, key: PreSharedKey, way: str) -> Child:
    """OpenSSL as client: its standard input and output are the payload."""
    return programs.start(
        need("openssl"), "s_client", "-connect", f"{programs.address}:{port}", "-psk_identity", key.identity.decode(),
        "-psk", key.key.hex(), *_OPENSSL[way], "-quiet", "-no_ign_eof", "-nocommands")


def gnutls_client(programs: Children, port: int, key: PreSharedKey, way: str) -> Child:
    """GnuTLS as client; what it has to say for people goes into a file."""
    return programs.start(
        need("gnutls-cli", "gnutls-bin"), "--pskusername", key.identity.decode(), "--pskkey", key.key.hex(),
        "--priority", _GNUTLS[way], "--logfile", programs.folder / "gnutls.log", "--port", port, programs.address)


CLIENTS = {"openssl": openssl_client, "gnutls": gnutls_client}
# GnuTLS's client 3.7.9 ends with a segmentation fault behind a handshake with (EC)DHE_PSK, whoever is the server.
CLIENT_WAYS = [
    *(("openssl", way) for way in WAYS), *(("gnutls", way) for way in WAYS if way not in ("1.2 ECDHE", "1.2 DHE"))]


def openssl_server(programs: Children, key: PreSharedKey, way: str) -> int:
    """OpenSSL as server that gives back each line the other way round; its port. In TLS 1.2 any identity will do."""
    port = free_port(stream=True)
    child = programs.start(
        need("openssl"), "s_server", "-accept", f"{programs.address}:{port}", "-nocert", "-psk", key.key.hex(),
        "-psk_identity", key.identity.decode(), "-psk_hint", "mrfp", *_OPENSSL[way], "-rev", "-naccept", "1")
    child.says("^ACCEPT")
    return port


def openssl_speaks(programs: Children, key: PreSharedKey, way: str) -> tuple[Child, int]:
    """OpenSSL as server for one connection, whose payload is its standard input and output; and its port."""
    port = free_port(stream=True)
    child = programs.start(
        need("openssl"), "s_server", "-accept", f"{programs.address}:{port}", "-nocert", "-psk", key.key.hex(),
        "-psk_identity", key.identity.decode(), *_OPENSSL[way], "-naccept", "1", "-quiet")
    child.accepts(programs.address, port)
    return child, port


def gnutls_server(programs: Children, key: PreSharedKey, way: str) -> int:
    """GnuTLS as server that gives back what it hears, and knows one identity; its port, at every address."""
    passwords = programs.folder / "psk.txt"
    passwords.write_text(f"{key.identity.decode()}:{key.key.hex()}\n")
    port = free_port(stream=True)
    child = programs.start(
        need("gnutls-serv", "gnutls-bin"), "--echo", "--pskpasswd", passwords, "--pskhint", "mrfp", "--priority",
        _GNUTLS[way], "--port", port)
    child.says("Echo Server listening")
    return port


SERVERS = {"openssl": openssl_server, "gnutls": gnutls_server}


class End:
    """Our session on a connection.

    Args:
        session: it.
        connection: to or from the other end.
    """

    def __init__(self, session: PskSession, connection: socket.socket) -> None:
        self.session = session
        self.events: list[Event] = []
        self._connection = connection
        connection.settimeout(PATIENCE)
        self.does(session.start())

    @classmethod
    def joined(cls, session: PskSession, address: str, port: int) -> End:
        """A client of that server."""
        return cls(session, socket.create_connection((address, port), PATIENCE))

    def __enter__(self) -> End:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def does(self, events: list[Event]) -> None:
        """Send what is to be sent, keep the rest."""
        for event in events:
            if isinstance(event, Transmit):
                self._connection.sendall(event.octets)
            else:
                self.events.append(event)

    def sees(self, kind: type[_T]) -> _T:
        """Read until there is an event of that kind."""
        while (found := next((event for event in self.events if isinstance(event, kind)), None)) is None:
            data = self._connection.recv(65_536)
            self.does(self.session.receive_data(data) if data else self.session.transport_ended())
            assert data or any(isinstance(event, kind) for event in self.events), self.events
        return found

    def hears(self, payload: bytes) -> None:
        """Read until the payload begins with that."""
        while not self.payload.startswith(payload):
            data = self._connection.recv(65_536)
            assert data, (self.payload, self.events)
            self.does(self.session.receive_data(data))

    @property
    def payload(self) -> bytes:
        """All of it until now."""
        return b"".join(event.octets for event in self.events if isinstance(event, Data))
