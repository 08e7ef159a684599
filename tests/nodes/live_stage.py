"""An IMS-AGW on this host's own network: its controller and both peers are sockets of the test, in one loop with it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from agw_stage import AGW_IDENTITY, EVENTS, A, C, add, given, local, remote, stream

from workbench.net.sockets import SocketNetwork, free_port
from workbench.net.values import Command, Endpoint, Started, Woke
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.security.source import Source

HOST = "127.0.0.1"
PIECE = 65_536
PATIENCE = 30.0


class End:
    """A peer's connection: what it still has to say, and what it has heard."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.to_say = memoryview(b"")
        self.said = 0
        self.heard = bytearray()
        self.ended = self.reset = self.shut = False
        self.reads = True
        sock.setblocking(False)

    def says(self, octets: bytes) -> None:
        """Say this as well, as room comes."""
        self.to_say = memoryview(bytes(self.to_say) + octets)

    def shuts(self) -> None:
        """FIN, behind what was said."""
        self.sock.shutdown(socket.SHUT_WR)

    def resets(self) -> None:
        """RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.shut = True

    def turn(self) -> None:
        """Send and receive what can be, without waiting."""
        if self.shut:
            return
        with suppress(BlockingIOError):
            try:
                if self.to_say:
                    sent = self.sock.send(self.to_say[:PIECE])
                    self.to_say = self.to_say[sent:]
                    self.said += sent
            except (ConnectionResetError, BrokenPipeError):
                self.reset = True
                self.to_say = memoryview(b"")
        with suppress(BlockingIOError):
            try:
                if self.reads and not self.ended and not self.reset:
                    octets = self.sock.recv(PIECE)
                    self.heard += octets
                    self.ended = not octets
            except ConnectionResetError:
                self.reset = True


class Live:
    """The gateway, registered; `call` sets a plain call up."""

    def __init__(self, **settings: object) -> None:
        self.network = SocketNetwork("IMS-AGW")
        self.controller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.controller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.controller.bind((HOST, 0))
        self.controller.setblocking(False)
        self.mgc = Endpoint(*self.controller.getsockname())
        self.mg = Endpoint(HOST, free_port(HOST))
        settings.setdefault("splices", True)
        self.node = ImsAgw(
            "IMS-AGW", control=self.mg, controller=self.mgc, addresses={A: HOST, C: HOST}, source=Source(1, "agw"),
            identity=AGW_IDENTITY, ports=(20_000, 29_999), port_step=1, **settings)  # type: ignore[arg-type]
        self.listener = socket.create_server((HOST, 0), backlog=512)
        self.listener.setblocking(False)
        self.core = Endpoint(*self.listener.getsockname())
        self.ends: list[End] = []
        self.ordered: list[Command] = []
        self.messages: list[h248.Message] = []
        self.number = 1000
        self._carry(self.node.handle(Started(), self.network.now))
        self.until(lambda: bool(self.messages))
        self.tells("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")

    def close(self) -> None:
        """Give everything back."""
        for one in (*(end.sock for end in self.ends), self.listener, self.controller):
            one.close()
        self.network.close()

    # The loop

    def turn(self) -> None:
        """One thing of the gateway's, and what the peers can do."""
        wakeup = self.node.next_wakeup()
        now = self.network.now
        if wakeup is not None and wakeup <= now:
            self._carry(self.node.handle(Woke(), now))
        arrival = self.network.wait(min(now + 0.002, wakeup if wakeup is not None else now + 1.0))
        if arrival is not None:
            self._carry(self.node.handle(arrival.happened, self.network.now))
        for end in self.ends:
            end.turn()
        with suppress(BlockingIOError):
            while True:
                self._heard(self.controller.recv(65_535))

    def until(self, done: Callable[[], bool]) -> None:
        """Go on until it is so. `PATIENCE` only ends a test that has failed."""
        limit = self.network.now + PATIENCE
        while not done():
            assert self.network.now < limit, "it never happens"
            self.turn()

    def _carry(self, commands: list[Command]) -> None:
        for command in commands:
            self.ordered.append(command)
            self.network.carry("IMS-AGW", command, self.network.now)

    # The controller

    def _heard(self, octets: bytes) -> None:
        message = text.decode(octets)
        self.messages.append(message)
        for body in message.body:
            if isinstance(body, h248.Request) and body.actions[0].commands[0].kind is h248.Kind.NOTIFY:
                name = body.actions[0].commands[0].terminations[0]
                self.tells(f"Reply = {body.id} {{ Context = {body.actions[0].context} {{ Notify = {name} }} }}")

    def tells(self, body: str) -> None:
        """Send these transactions."""
        octets = f"MEGACO/2 [{self.mgc.host}]:{self.mgc.port}\n{body}\n".encode()
        self.controller.sendto(octets, (self.mg.host, self.mg.port))

    def asks(self, actions: str) -> int:
        """Send a request and do not wait for its reply; its id."""
        self.number += 1
        self.tells(f"Transaction = {self.number} {{ {actions} }}")
        return self.number

    def orders(self, actions: str) -> h248.Reply:
        """A request and its reply."""
        number = self.asks(actions)
        self.until(lambda: self.reply(number) is not None)
        found = self.reply(number)
        assert found is not None
        return found

    def reply(self, number: int) -> h248.Reply | None:
        """The reply to that request, if it has come."""
        return next((body for message in self.messages for body in message.body
                     if isinstance(body, h248.Reply) and body.id == number), None)

    def notified(self) -> list[tuple[str, str]]:
        """Termination and event of what was notified so far."""
        found = {}
        for message in self.messages:
            for body in message.body:
                if isinstance(body, h248.Request) and body.actions[0].commands[0].kind is h248.Kind.NOTIFY:
                    command = body.actions[0].commands[0]
                    observed = command.descriptor(h248.ObservedEvents)
                    assert observed is not None
                    found[body.id] = command.terminations[0], observed.events[0].name
        return list(found.values())

    # Calls

    def reserve(self, *access: str) -> Endpoint:
        """A call between the UE (it opens) and the core side; where the UE connects to."""
        reply = self.orders(add("access", stream(
            *(access or (local("TCP", "passive"), remote("TCP", "active", Endpoint(HOST, 9)))), realm=A),
            EVENTS.format(1)))
        self.orders(add("core", stream(
            local("TCP", "active"), remote("TCP", "passive", self.core), realm=C), EVENTS.format(2),
            context=reply.actions[0].context))
        return given(reply)

    def connects(self, access: Endpoint, early: bytes = b"") -> End:
        """The UE's end; what it says is on its way before the core side is opened."""
        sock = socket.create_connection((access.host, access.port))
        ue = End(sock)
        if early:
            assert sock.send(early) == len(early)
        self.ends.append(ue)
        return ue

    def call(self, early: bytes = b"") -> tuple[End, End]:
        """A plain call with both ends up."""
        ue = self.connects(self.reserve(), early)
        return ue, self.accepted()

    def accepted(self) -> End:
        """The far end of the connection that the gateway opens next."""
        found: list[socket.socket] = []

        def accept() -> bool:
            with suppress(BlockingIOError):
                found.append(self.listener.accept()[0])
            return bool(found)

        self.until(accept)
        self.ends.append(End(found[0]))
        return self.ends[-1]
