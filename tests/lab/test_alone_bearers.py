"""A gateway alone on this host, told by a controller alone on this host, carries what programs of the system send."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator

import msgspec
import pytest

from workbench.lab.alone import Alone
from workbench.lab.trace import Entry
from workbench.net.sockets import SocketNetwork, free_port
from workbench.net.values import Endpoint, Note
from workbench.nodes.controller.association import Said
from workbench.nodes.controller.core import Controller
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.nodes.controller.indications import Change, TcpChanged
from workbench.nodes.controller.readings import Done, Reserved
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.security.source import Source

PATIENCE = 15.0
OPEN = h248.Mode.SEND_RECEIVE
HERE = "127.0.0.1"


class Host:
    """A node alone, in a thread of its own so that the test can be the program at the other end."""

    def __init__(self, node) -> None:
        self.network = SocketNetwork(node.name)
        self.entries: list[Entry] = []
        self.alone = Alone(node, self.network, self.entries.append)
        self.failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.alone.run(lambda: self.network.now, until=PATIENCE)
        except BaseException as error:
            self.failed.append(error)

    def close(self) -> None:
        self.alone.stop()
        self.network.interrupt()
        self._thread.join(PATIENCE)
        self.network.close()
        assert not self.failed


def _first_port() -> int:
    """Below the ports that the system gives to those who ask for none: any of those may be a client's by the time."""
    return 10_000 + 16 * (os.getpid() % 1_000)


class Stage:
    """Controller and gateway; `served` is a server behind the core side."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.heard = threading.Event()
        self.said: list[object] = []
        self.results: list[object] = []
        self.server = socket.create_server((HERE, 0))
        self.server.settimeout(PATIENCE)
        control, gateway = Endpoint(HERE, free_port()), Endpoint(HERE, free_port())
        self.controller = Host(Controller("mgc", control=control, gateway=gateway, begin=self.begin, hear=self.hear))
        self.gateway = Host(ImsAgw(
            "agw", control=gateway, controller=control, source=Source(1, "agw"),
            addresses={"access.example.net": HERE, "core.example.net": HERE}, ports=(_first_port(), 32_000)))

    def begin(self, engine):
        """The calls that the tests need; replaced by each."""
        raise NotImplementedError

    def hear(self, event) -> None:
        if isinstance(event, Said):
            self.said.append(event.indication)
            self.heard.set()

    def wait(self) -> None:
        assert self.ready.wait(PATIENCE), self.results

    def close(self) -> None:
        self.controller.close()
        self.gateway.close()
        self.server.close()

    @property
    def behind(self) -> Endpoint:
        return Endpoint(HERE, self.server.getsockname()[1])


def points(transport: str, behind: Endpoint) -> tuple[ConnectionPoint, ConnectionPoint]:
    """An access leg that the UE opens, and a core leg that the gateway then opens."""
    access = ConnectionPoint("access", "access.example.net", "message", transport, setup="passive", mode=OPEN,
                             ask_fingerprint="TLS" in transport, watch_tls="TLS" in transport)
    core = ConnectionPoint("core", "core.example.net", "message", "TCP", setup="active", mode=OPEN,
                           remote=behind, remote_setup="passive")
    return access, core


class Bridge(Stage):
    """Access to core, plain or with TLS on the access side."""

    def __init__(self, transport: str, *, roles: bool = True) -> None:
        self.transport = transport
        self.roles = roles
        super().__init__()

    def begin(self, engine):
        inner, outer = points(self.transport, self.behind)
        if not self.roles:
            inner, outer = (msgspec.structs.replace(one, setup=None, remote_setup=None) for one in (inner, outer))
        access = yield from engine.reserve(h248.CHOOSE, inner)
        self.results.append(access)
        core = yield from engine.reserve(access.context, outer)
        # The UE's address is not known: the gateway takes whoever comes (no latching needed for TCP to be accepted).
        told = msgspec.structs.replace(
            inner, local=access.local, fingerprint=access.fingerprint, ask_fingerprint=False,
            remote=Endpoint(HERE, 9), remote_setup="active" if self.roles else None)
        self.results += [core, (yield from engine.configure(access, told))]
        self.ready.set()


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for stage in made:
        stage.close()


def echo(server: socket.socket, octets: int) -> None:
    """The program behind the core side: gives back so many octets, then ends."""
    connection, _ = server.accept()
    with connection:
        connection.settimeout(PATIENCE)
        got = 0
        while got < octets and (data := connection.recv(65_536)):
            connection.sendall(data)
            got += len(data)


def exchanged(connection: socket.socket, data: bytes) -> bytes:
    """Send all of it from another thread, and read as much."""
    sender = threading.Thread(target=connection.sendall, args=(data,), daemon=True)
    sender.start()
    back = bytearray()
    while len(back) < len(data) and (piece := connection.recv(65_536)):
        back += piece
    sender.join(PATIENCE)
    return bytes(back)


def test_tcp_through_the_gateway(stages: list[Stage]):
    """A client of the system on the access side talks to a server behind the core side, two megabytes each way."""
    stage = Bridge("TCP")
    stages.append(stage)
    stage.wait()
    access, core, configured = stage.results
    assert isinstance(access, Reserved) and isinstance(core, Reserved) and isinstance(configured, Done)
    data = bytes(range(256)) * 8192
    threading.Thread(target=echo, args=(stage.server, len(data)), daemon=True).start()
    with socket.create_connection((access.local.host, access.local.port), PATIENCE) as client:
        assert exchanged(client, data) == data
        assert client.recv(1) == b""  # the server's end comes through, orderly


def test_without_packets_a_relay_is_emulated(stages: list[Stage]):
    """A stream without roles on a network of sockets: a proxy that follows the first SYN, and says so (R-5.16.1-7)."""
    stage = Bridge("TCP", roles=False)
    stages.append(stage)
    stage.wait()
    access = stage.results[0]
    assert isinstance(access, Reserved)
    data = bytes(range(256)) * 512
    threading.Thread(target=echo, args=(stage.server, len(data)), daemon=True).start()
    with socket.create_connection((access.local.host, access.local.port), PATIENCE) as client:
        assert exchanged(client, data) == data
        assert client.recv(1) == b""
    assert any(isinstance(entry.what, Note) and "a proxy emulates the relay" in entry.what.text
               for entry in stage.gateway.entries)


def test_a_server_that_is_not_there(stages: list[Stage]):
    """The gateway can't reach the core peer: the controller is notified, and the client is not left waiting."""
    stage = Bridge("TCP")
    stages.append(stage)
    stage.wait()
    stage.server.close()
    access = stage.results[0]
    assert isinstance(access, Reserved)
    try:
        with socket.create_connection((access.local.host, access.local.port), PATIENCE) as client:
            assert client.recv(1) == b""
    except ConnectionResetError:
        pass  # the reset may be faster than the call that connects
    assert stage.heard.wait(PATIENCE)
    (failed, *_) = [one for one in stage.said if isinstance(one, TcpChanged)]
    assert failed.change is Change.FAILED


def test_the_gateway_s_certificate_is_the_announced_one(stages: list[Stage]):
    """TLS ends at the gateway: OpenSSL as client meets the certificate whose fingerprint the reply to Add announced."""
    stage = Bridge("TCP/TLS")
    stages.append(stage)
    stage.wait()
    access = stage.results[0]
    assert isinstance(access, Reserved)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((access.local.host, access.local.port), PATIENCE) as raw:
        raw.settimeout(PATIENCE)
        with context.wrap_socket(raw) as client:
            certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    digest = hashlib.sha256(certificate).hexdigest().upper()
    assert access.fingerprint == "SHA-256 " + ":".join(digest[i : i + 2] for i in range(0, 64, 2))
