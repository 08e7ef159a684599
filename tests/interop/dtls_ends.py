"""Ends of DTLS that nobody here wrote, and ours on a socket, behind a forwarder that loses, doubles and delays."""

from __future__ import annotations

import random
import selectors
import socket
import time
from collections.abc import Callable

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from interop import tls_ends
from interop.children import PATIENCE, Child, Children
from programs import need

from workbench.net.sockets import free_port
from workbench.protocols.sdp import Fingerprint
from workbench.security.dtls import Data, DtlsSession, Established, Event, Failed, Transmit
from workbench.security.fingerprints import fingerprint_of

_GNUTLS = "NORMAL:-VERS-ALL:+VERS-DTLS1.2"
_LONGEST = 65_535


def announced(own: tls_ends.Identity) -> list[Fingerprint]:
    """What SDP would say about a certificate in a file."""
    return [fingerprint_of(x509.load_pem_x509_certificate(own.certificate.read_bytes()).public_bytes(Encoding.DER))]


class Faults(msgspec.Struct, frozen=True):
    """Which datagrams of one direction, counted from 0, do not simply arrive; `late`: behind the one that follows."""

    lost: frozenset[int] = frozenset()
    doubled: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()


_PERFECT = Faults()


class Forwarder:
    """One direction of the way."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._count = 0
        self._held: list[bytes] = []

    def carry(self, datagram: bytes) -> list[bytes]:
        """What arrives when this datagram has left."""
        number, self._count = self._count, self._count + 1
        if number in self._faults.late:
            self._held.append(datagram)
            return []
        arrived = [] if number in self._faults.lost else [datagram] * (1 + (number in self._faults.doubled))
        arrived += self._held
        self._held = []
        return arrived


class Lossy(Forwarder):
    """A direction that loses one in so many, by chance of a seed; `came` and `lost` count."""

    def __init__(self, loss: float, seed: int) -> None:
        super().__init__(_PERFECT)
        self.came = self.lost = 0
        self._loss, self._chance = loss, random.Random(seed)

    def carry(self, datagram: bytes) -> list[bytes]:
        """What arrives when this datagram has left."""
        self.came += 1
        if self._chance.random() < self._loss:
            self.lost += 1
            return []
        return [datagram]


class End:
    """Our session on a UDP socket of its own, in real time.

    Args:
        session: not started.
        local: address and port; port 0: any.
        remote: whom to talk to; None: whoever comes first.
        sending, hearing: what happens on the way.
    """

    def __init__(self, session: DtlsSession, local: tuple[str, int], remote: tuple[str, int] | None,
                 sending: Faults | Forwarder = _PERFECT, hearing: Faults | Forwarder = _PERFECT) -> None:
        self.session = session
        self.heard: list[Event] = []
        self._remote = remote
        self._ways = [one if isinstance(one, Forwarder) else Forwarder(one) for one in (sending, hearing)]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(local)
        self._socket.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self.does(session.start(time.monotonic()))

    def does(self, events: list[Event]) -> None:
        """Send what the session wants to send, and keep the rest."""
        for event in events:
            if not isinstance(event, Transmit):
                self.heard.append(event)
                continue
            for datagram in self._ways[0].carry(event.octets):
                assert self._remote is not None
                self._socket.sendto(datagram, self._remote)

    def until(self, found: Callable[[], bool], what: str) -> None:
        """Play until something is so."""
        last = time.monotonic() + PATIENCE
        while not found():
            now = time.monotonic()
            assert now < last, f"no {what}: {self.session}, {self.heard}"
            due = self.session.next_wakeup()
            self._selector.select(max(0.0, min(last, last if due is None else due) - now))
            self._hear()
            self.does(self.session.wake(time.monotonic()))

    def _hear(self) -> None:
        while True:
            try:
                datagram, source = self._socket.recvfrom(_LONGEST)
            except (BlockingIOError, ConnectionError):
                return
            self._remote = self._remote or source
            for arrived in self._ways[1].carry(datagram):
                self.does(self.session.receive_datagram(arrived, time.monotonic(), f"{source[0]}:{source[1]}"))

    def comes_up(self) -> Established:
        """Play until the session is up."""
        self.until(lambda: any(isinstance(event, Established | Failed) for event in self.heard), "handshake")
        established = next((event for event in self.heard if isinstance(event, Established)), None)
        assert established is not None, self.heard
        return established

    def hears(self, octets: bytes) -> None:
        """Play until this payload has come."""
        self.until(lambda: octets in b"".join(event.octets for event in self.heard if isinstance(event, Data)),
                   repr(octets))

    def __enter__(self) -> End:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._socket.close()


def openssl_server(programs: Children, own: tls_ends.Identity, *options: str) -> tuple[Child, int]:
    """OpenSSL as server for one association, which demands a certificate of its client and shows it."""
    port = free_port(stream=False)
    child = programs.start(
        need("openssl"), "s_server", "-accept", f"{programs.address}:{port}", "-cert", own.certificate, "-key", own.key,
        "-dtls1_2", "-mtu", "600", "-Verify", "1", "-naccept", "1", *options)
    child.says("^ACCEPT")
    return child, port


def openssl_client(programs: Children, port: int, own: tls_ends.Identity) -> Child:
    """OpenSSL as client."""
    return programs.start(
        need("openssl"), "s_client", "-connect", f"{programs.address}:{port}", "-cert", own.certificate, "-key",
        own.key, "-dtls1_2", "-mtu", "600", "-quiet", "-no_ign_eof", "-nocommands")


def gnutls_echo(programs: Children, own: tls_ends.Identity) -> tuple[Child, int]:
    """GnuTLS as a server that demands a certificate and gives back what it hears; and its port, at every address."""
    port = free_port(stream=False)
    child = programs.start(
        need("gnutls-serv", "gnutls-bin"), "--udp", "--echo", "--require-client-cert", "--mtu", "600", "--priority",
        _GNUTLS, "--x509certfile", own.certificate, "--x509keyfile", own.key, "--port", port)
    child.says("Echo Server listening")
    return child, port


def gnutls_client(programs: Children, port: int, own: tls_ends.Identity) -> Child:
    """GnuTLS as client."""
    return programs.start(
        need("gnutls-cli", "gnutls-bin"), "--udp", "--mtu", "600", "--x509certfile", own.certificate, "--x509keyfile",
        own.key, "--insecure", "--priority", _GNUTLS, "--logfile", programs.folder / "gnutls.log", "--port", port,
        programs.address)


CLIENTS = {"openssl": openssl_client, "gnutls": gnutls_client}
