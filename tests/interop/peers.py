"""A megaco peer (Erlang/OTP) on one side, one of our nodes alone on the other, and every message between them kept."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from interop.erlang import compiled
from programs import need

from workbench.lab.alone import Alone
from workbench.net.sockets import SocketNetwork
from workbench.net.values import Command, DatagramReceived, Endpoint, SendDatagram, SendStream, StreamData
from workbench.protocols.h248.transport import Tpkt

PACKAGES = "erlang-base erlang-megaco"
PATIENCE = 30.0


class Peer:
    """The Erlang process; the lines that it writes, each a list of words."""

    def __init__(self, folder: Path, *words: object) -> None:
        erl = need("erl", PACKAGES)
        self.process = subprocess.Popen(
            [erl, "-noshell", "-pa", str(compiled(folder)), "-run", "h248_peer", "main", *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[list[str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.split())

    def listening(self) -> Peer:
        """Wait until it listens."""
        deadline = time.monotonic() + PATIENCE
        while not self.said("listening"):
            assert not self.over and time.monotonic() < deadline, self.lines
            time.sleep(0.01)
        return self

    @property
    def over(self) -> bool:
        """It has ended."""
        return self.process.poll() is not None

    def said(self, word: str) -> list[list[str]]:
        """What stood behind this word, each time it began a line."""
        return [line[1:] for line in self.lines if line[:1] == [word]]

    def close(self) -> None:
        """End it, if it has not ended by itself."""
        if not self.over:
            self.process.kill()
        self.process.wait(timeout=10)
        self._reader.join(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Kept(SocketNetwork):
    """This host's network, and the H.248 messages at one endpoint in the order in which they passed.

    `messages` holds pairs: "ours" or "theirs", and the message without its TPKT header.
    """

    def __init__(self, node: str, control: Endpoint) -> None:
        super().__init__(node)
        self.messages: list[tuple[str, bytes]] = []
        self._control = control
        self._framing = {"ours": Tpkt(), "theirs": Tpkt()}

    def carry(self, sender: str, command: Command, now: float) -> None:
        match command:
            case SendDatagram(local=local, data=data) if local == self._control:
                self.messages.append(("ours", data))
            case SendStream(stream=stream, data=data) if stream.local == self._control:
                self._keep("ours", data)
        super().carry(sender, command, now)

    def wait(self, deadline: float):
        arrival = super().wait(deadline)
        match arrival.happened if arrival is not None else None:
            case DatagramReceived(local=local, data=data) if local == self._control:
                self.messages.append(("theirs", data))
            case StreamData(stream=stream, data=data) if stream.local == self._control:
                self._keep("theirs", data)
        return arrival

    def _keep(self, whose: str, data: bytes) -> None:
        self.messages += [(whose, message) for message in self._framing[whose].receive_data(data)]


def together(alone: Alone, network: SocketNetwork, peer: Peer, done: Callable[[], bool] | None = None) -> None:
    """Run our node until the peer has ended (or `done` holds); a peer that takes too long fails the test."""
    try:
        finished = alone.run(lambda: network.now, until=PATIENCE, done=done or (lambda: peer.over))
    finally:
        network.close()
        peer.close()
    assert finished, peer.lines
    for complaint in ("failed", "syntax", "message", "unexpected"):
        assert not peer.said(complaint), peer.lines
