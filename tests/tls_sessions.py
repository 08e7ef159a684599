"""Live TLS sessions over memory, recorded: what the library on this machine really sends, with its key log."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cryptography import x509
from OpenSSL import SSL

from workbench.security.identities import Identity
from workbench.security.source import Source

VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


@functools.cache
def identity(name: str) -> Identity:
    """An identity made from its name."""
    return Identity.self_signed(name, Source(1, name))


def context(name: str, version: str, log: list[str], suites: str = "", mutual: bool = True,
            change: Callable[[Any], None] | None = None) -> SSL.Context:
    """One end's settings."""
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_min_proto_version(VERSIONS[version])
    made.set_max_proto_version(VERSIONS[version])
    who = identity(name)
    made.use_privatekey(who.key)
    made.use_certificate(x509.load_der_x509_certificate(who.certificate))
    if mutual:
        made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    if suites and version == "1.2":
        made.set_cipher_list(suites.encode())
    elif suites:
        made.set_tls13_ciphersuites(suites.encode())
    made.set_keylog_callback(lambda _, line: log.append(line.decode()))
    if change is not None:
        change(made)
    return made


class Recorded:
    """A session: what each direction carried, in the order of a capture. Direction 0 is from the TLS client."""

    def __init__(self, version: str, suites: str = "", mutual: bool = True, server_name: str = "",
                 change: Callable[[Any], None] | None = None, resume: Recorded | None = None) -> None:
        self.log: list[str] = [] if resume is None else resume.log
        self.flights: list[tuple[int, bytes]] = []
        self.contexts = resume.contexts if resume is not None else [
            context(name, version, self.log, suites, mutual, change) for name in ("ue", "agw")
        ]
        self.ends = [SSL.Connection(one, None) for one in self.contexts]
        if resume is not None:
            ticket = resume.ends[0].get_session()
            assert ticket is not None
            self.ends[0].set_session(ticket)
        if server_name:
            self.ends[0].set_tlsext_host_name(server_name.encode())
        self.ends[0].set_connect_state()
        self.ends[1].set_accept_state()
        for _ in range(6):
            for end in self.ends:
                self.attempt(end.do_handshake)
                self.carry()

    @property
    def keylog(self) -> str:
        """The key log of this session."""
        return "\n".join(self.log) + "\n"

    @staticmethod
    def attempt(step: Callable[..., Any], *arguments: Any) -> Any:
        """Do something that may have to wait for the other end."""
        try:
            return step(*arguments)
        except SSL.WantReadError:
            return None

    def carry(self) -> None:
        """Take what each end has to say to the other, and record it."""
        for direction, end in enumerate(self.ends):
            octets = b""
            try:
                while True:
                    octets += end.bio_read(65536)
            except SSL.WantReadError:
                pass
            if octets:
                self.flights.append((direction, octets))
                self.ends[1 - direction].bio_write(octets)

    def say(self, direction: int, octets: bytes) -> bytes:
        """Send application data; what the other end read."""
        self.ends[direction].sendall(octets)
        self.carry()
        heard = b""
        try:
            while len(heard) < len(octets):
                heard += self.ends[1 - direction].recv(65536)
        except SSL.WantReadError:
            pass
        self.carry()
        return heard

    def close(self, direction: int) -> None:
        """close_notify from one end, then from the other."""
        for end in (self.ends[direction], self.ends[1 - direction]):
            end.shutdown()
            self.carry()

    def stream(self, direction: int) -> bytes:
        """All octets of one direction."""
        return b"".join(octets for one, octets in self.flights if one == direction)
