"""`workbench agw` between DTLS and UDP under a controller of Erlang's: programs of others as UEs, and whole faxes.

The core is a plain UDP end; the access leg is DTLS 1.2 with certificates on both sides.
"""

from __future__ import annotations

import itertools
import select
import socket
from pathlib import Path
from typing import Literal

import pytest
from interop import dtls_ends
from interop.agw_stage import BEHIND, CORE, started
from interop.children import PATIENCE, Child, Children
from interop.dtls_ends import End, Lossy
from interop.megaco import End as Termination
from interop.megaco import Megaco
from interop.tls_ends import Identity, server_saw
from programs import missing, need
from record_fax import page
from spandsp_fax import TICK, FaxEnd, library, read_tiff, write_tiff

from workbench.protocols.sdp import Fingerprint
from workbench.protocols.t38.events import IfpReceived
from workbench.protocols.t38.machine import Correction, Receiver, Sender
from workbench.security.dtls import Data, DtlsSession
from workbench.security.identities import Identity as Ours
from workbench.security.source import Source

LOSS = 0.05
UE = Ours.self_signed("ue-a.example.net", Source(6, "fax"))


def sdp(address: str, port: object, proto: str, *more: str) -> str:
    """A fax stream, as an order writes it."""
    return "|".join(["v=0", f"c=IN IP4 {address}", f"m=image {port} {proto} t38", *more]).replace(" ", "_")


def fax_bridge(
    programs: Children, controller: Megaco, fingerprint: str, *, server: int = 0, host: str = BEHIND,
) -> tuple[Termination, Termination]:
    """A context as the e2ae procedures make it: access and core.

    Args:
        server: the UE's port, if it is DTLS server.
        host: where it is.
    """
    secured = "UDP/TLS/UDPTL"
    ours, theirs = ("active", "passive") if server else ("passive", "active")
    far = controller.add(
        "$", "core", sdp("$", "$", "udptl"), sdp(programs.address, CORE, "udptl"), watch="cause")
    near = controller.add(
        far.context, "access", sdp("$", "$", secured, f"a=setup:{ours}", "a=fingerprint:SHA-256 $"),
        sdp(host, server or 9, secured, f"a=setup:{theirs}",
            f"a=fingerprint:{fingerprint}"), watch="cause,tls")
    return near, far


def fingerprint_of(termination: Termination) -> str:
    """The hexadecimal digits of the gateway's own, as its reply says."""
    return termination.line("a=fingerprint:").replace("_", " ").split(" ")[1]


def echo(programs: Children) -> Child:
    """A plain end in the core that gives back each datagram."""
    child = programs.start(need("socat"), f"UDP4-LISTEN:{CORE},bind={programs.address}", "PIPE")
    child.receives(programs.address, CORE)
    return child


def talker(programs: Children, gateway: int) -> Child:
    """A plain end in the core whose standard input and output are datagrams."""
    return programs.start(
        need("socat"), "STDIO", f"UDP4:{programs.address}:{gateway},bind={programs.address}:{CORE}")


# UEs that nobody here wrote

@pytest.mark.parametrize("name", dtls_ends.CLIENTS)
def test_their_client_talks_to_the_core_and_back(programs: Children, ebin: Path, ue: Identity, name: str) -> None:
    """OpenSSL's and GnuTLS's clients through the gateway as server, to an echo in the core; then close_notify."""
    controller, agw = started(programs, ebin)
    echo(programs)
    near, _ = fax_bridge(programs, controller, ue.fingerprint)
    client = dtls_ends.CLIENTS[name](programs, near.port, ue)
    client.write(b"there and back\n")
    client.says("there and back")
    client.end_input()
    agw.says("the peer closed DTLS")
    assert controller.subtract(near.context)["nt/or"] == 15
    assert not controller.complaints


def test_the_gateway_is_client_of_openssl_s_server(programs: Children, ebin: Path, ue: Identity) -> None:
    """UE passive: the gateway begins; OpenSSL shows the certificate that the gateway's Local has announced."""
    controller, agw = started(programs, ebin)
    server, port = dtls_ends.openssl_server(programs, ue)
    near, far = fax_bridge(programs, controller, ue.fingerprint, server=port, host=programs.address)
    assert server_saw(server) == fingerprint_of(near)
    agw.says("the peer's certificate matches")
    core = talker(programs, far.port)
    core.write(b"from the core\n")
    server.says("from the core")
    server.write(b"from OpenSSL\n")
    assert core.gives(13) == b"from OpenSSL\n"


def test_the_gateway_is_client_of_gnutls_s_server(programs: Children, ebin: Path, ue: Identity) -> None:
    """GnuTLS asks for a cookie and a certificate, and gives back what the core says."""
    controller, agw = started(programs, ebin)
    _, port = dtls_ends.gnutls_echo(programs, ue)
    _, far = fax_bridge(programs, controller, ue.fingerprint, server=port)
    agw.says("the peer's certificate matches")
    core = talker(programs, far.port)
    core.write(b"there and back\n")
    assert core.gives(15) == b"there and back\n"


@pytest.mark.parametrize("role", ["client", "server"])
def test_another_certificate_gets_bad_certificate(
    programs: Children, ebin: Path, ue: Identity, stranger: Identity, role: str,
) -> None:
    """Alert 42 for the UE, a Notify for the controller, and not an octet for the core (RFC 8122 §6.2)."""
    controller, _ = started(programs, ebin)
    if role == "client":
        near, _ = fax_bridge(programs, controller, ue.fingerprint)
        other = dtls_ends.openssl_client(programs, near.port, stranger)
    else:
        other, port = dtls_ends.openssl_server(programs, stranger)
        near, _ = fax_bridge(programs, controller, ue.fingerprint, server=port, host=programs.address)
    other.says("bad certificate")
    controller.heard("notified", "bncchange type=fail")
    assert controller.subtract(near.context)["nt/os"] == 0


# Faxes

class Terminal:
    """spandsp's terminal with UDPTL; what it says waits in `leaving`."""

    def __init__(self, calling: bool, file: Path) -> None:
        spandsp = library()
        if spandsp is None:
            missing("spandsp", "apt-get install libspandsp2")
        self.leaving: list[bytes] = []
        self._sender = Sender(Correction.REDUNDANCY, depth=3, max_datagram=1400)
        self._receiver = Receiver()
        self._end = FaxEnd(spandsp, calling, file, "1" if calling else "2", self._says)

    @property
    def result(self) -> int | None:
        """How the call ended: 0 is well."""
        return self._end.result

    def tick(self) -> list[bytes]:
        """20 ms pass; what leaves."""
        self._end.tick()
        leaving, self.leaving = self.leaving, []
        return leaving

    def hear(self, datagrams: list[bytes], now: float) -> None:
        """What has arrived, in order and made good as far as it can be."""
        events = [event for one in datagrams for event in self._receiver.receive_data(one, now)]
        for event in [*events, *self._receiver.wake(now)]:
            if isinstance(event, IfpReceived):
                self._end.receive(event.octets, event.sequence)

    def close(self) -> None:
        self._end.close()

    def _says(self, octets: bytes, count: int) -> None:
        self.leaving.append(self._sender.send(octets))


class Way:
    """Both directions through a gateway: DTLS that loses datagrams on one side, UDP on the other.

    Time is the terminals': a tick ends when all has arrived that was not lost.
    """

    def __init__(self, address: str, near: Termination, far: Termination, seed: int) -> None:
        self.sending, self.hearing = Lossy(LOSS, seed), Lossy(LOSS, seed + 1)
        algorithm, digits = near.line("a=fingerprint:").replace("_", " ").split(" ")
        announced = [Fingerprint(algorithm, bytes.fromhex(digits.replace(":", "")))]
        self.ue = End(DtlsSession(UE, True, announced=announced), (BEHIND, 0), (address, near.port),
                      self.sending, self.hearing)
        self.core = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.core.bind((address, CORE))
        self._gateway = (address, far.port)
        self.ue.comes_up()

    def forth(self, datagrams: list[bytes]) -> list[bytes]:
        """From the UE to the core: what arrives."""
        before = self.sending.came - self.sending.lost
        for one in datagrams:
            self.ue.does(self.ue.session.send(one))
        arrived: list[bytes] = []
        while len(arrived) < self.sending.came - self.sending.lost - before:
            assert select.select([self.core], [], [], PATIENCE)[0], "what was not lost does not arrive"
            arrived.append(self.core.recv(65_535))
        return arrived

    def back(self, datagrams: list[bytes]) -> list[bytes]:
        """From the core to the UE."""
        known, before = len(self.ue.heard), self.hearing.came
        for one in datagrams:
            self.core.sendto(one, self._gateway)
        self.ue.until(lambda: self.hearing.came - before >= len(datagrams), "records of the gateway")
        return [event.octets for event in self.ue.heard[known:] if isinstance(event, Data)]

    def close(self) -> None:
        self.ue.does(self.ue.session.close())
        self.ue.__exit__()
        self.core.close()


@pytest.mark.parametrize("page_from", ["ue", "core"])
def test_spandsp_ends_complete_a_page_through_the_gateway(
    programs: Children, ebin: Path, tmp_path: Path, page_from: Literal["ue", "core"],
) -> None:
    """5 % of the DTLS leg's datagrams are lost, of the handshake too: every dot of the page arrives."""
    sent, received = tmp_path / "sent.tif", tmp_path / "received.tif"
    write_tiff(sent, page())
    from_ue = page_from == "ue"
    ue, core = Terminal(from_ue, sent if from_ue else received), Terminal(not from_ue, received if from_ue else sent)
    controller, _ = started(programs, ebin)
    announced = UE.fingerprint()
    near, far = fax_bridge(programs, controller, f"SHA-256 {announced.value.hex(':').upper()}")
    way = Way(programs.address, near, far, seed=11)
    for now in itertools.count(0.0, TICK):
        core.hear(way.forth(ue.tick()), now)
        ue.hear(way.back(core.tick()), now)
        if None not in (ue.result, core.result) or now > 300:
            break
    assert (ue.result, core.result) == (0, 0)
    assert read_tiff(received) == page()
    assert min(way.sending.lost, way.hearing.lost) > 0
    assert way.sending.lost + way.hearing.lost > 15
    way.close()
    for one in (ue, core):
        one.close()
