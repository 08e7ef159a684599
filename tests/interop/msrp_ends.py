"""MSRP by hand over a socket or a program's standard input and output: what an end says, answers and has heard."""

from __future__ import annotations

import itertools
import re
import socket
import struct
from collections.abc import Callable
from typing import Protocol

import msgspec
from interop.children import PATIENCE, Child

_INTERRUPTIBLE_ABOVE = 2048
_numbers = itertools.count()
_FRAME = re.compile(
    rb"MSRP (\S+) ([^\r\n]+)\r\n((?:[^\r\n]+\r\n)+)(?:\r\n(.*?)\r\n)?-------\1([$+#])\r\n", re.DOTALL)


class Frame(msgspec.Struct, frozen=True):
    """A request or a response as it came.

    Args:
        what: the rest of the first line: a method, or a status and a comment.
    """

    transaction: str
    what: str
    head: str
    body: bytes | None
    flag: str

    def header(self, name: str) -> str:
        """A header's value."""
        found = re.search(rf"^{name}: (.*)$", self.head, re.MULTILINE)
        return found[1].strip() if found is not None else ""


class Line(Protocol):
    """What an end speaks on."""

    def write(self, data: bytes) -> None:
        """Say it."""

    def read(self, count: int) -> bytes:
        """Wait until more than `count` octets have come; all of them."""


class OnSocket:
    """A connection of this process."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(PATIENCE)
        self._heard = bytearray()

    @classmethod
    def to(cls, address: str, port: int) -> OnSocket:
        """Open one; it comes from that address, too."""
        return cls(socket.create_connection((address, port), PATIENCE, (address, 0)))

    @property
    def port(self) -> int:
        """Our own."""
        return int(self.connection.getsockname()[1])

    def write(self, data: bytes) -> None:
        """As of `Line`."""
        self.connection.sendall(data)

    def read(self, count: int) -> bytes:
        """As of `Line`."""
        while len(self._heard) <= count:
            data = self.connection.recv(65_536)
            assert data, f"the connection has ended: {bytes(self._heard)!r}"
            self._heard += data
        return bytes(self._heard)

    def vanish(self) -> None:
        """Be gone without a word: RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class OnChild:
    """A program's standard input and output."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.write: Callable[[bytes], None] = child.write

    def read(self, count: int) -> bytes:
        """As of `Line`."""
        self._child.until(lambda: len(self._child.output) > count, f"more than {count} octets")
        return bytes(self._child.output)


class MsrpEnd:
    """An MSRP end that answers each SEND with 200.

    Args:
        line: what it speaks on.
        path: From-Path of what it says.
        to: To-Path.
    """

    def __init__(self, line: Line, path: str, to: str) -> None:
        self.line, self.path, self.to = line, path, to
        self.frames: list[Frame] = []
        self._read = 0

    def send(self, body: bytes | None = None, *more: str, flag: str = "$") -> Frame:
        """Say it in one SEND, and wait for the response."""
        transaction = f"t{next(_numbers):05d}xyz"
        return self.asks(self.octets(transaction, body, *more, flag=flag), transaction)

    def asks(self, request: bytes, transaction: str) -> Frame:
        """Say these octets, and wait for the response."""
        self.line.write(request)
        return self.hears(lambda one: one.transaction == transaction)

    def octets(self, transaction: str, body: bytes | None, *more: str, flag: str = "$") -> bytes:
        """A SEND request (RFC 4975 §7.1); without a body it has none at all."""
        lines = [f"MSRP {transaction} SEND", f"To-Path: {self.to}", f"From-Path: {self.path}",
                 f"Message-ID: {transaction}.m", *more]
        said = b""
        if body is not None:
            end = "*" if len(body) > _INTERRUPTIBLE_ABOVE else len(body)
            lines += [f"Byte-Range: 1-{end}/{len(body)}", "Content-Type: text/plain", ""]
            said = body + b"\r\n"
        return ("\r\n".join(lines) + "\r\n").encode() + said + f"-------{transaction}{flag}\r\n".encode()

    def hears(self, wanted: Callable[[Frame], bool]) -> Frame:
        """Wait for a frame like that."""
        while (found := next((one for one in self.frames if wanted(one)), None)) is None:
            self._take()
        return found

    def reads(self, body: bytes) -> None:
        """Wait until a message, of all its chunks, is just that."""
        while body not in self.messages().values():
            self._take()

    def messages(self) -> dict[str, bytes]:
        """What has been heard so far, by Message-ID."""
        found: dict[str, bytes] = {}
        for one in self.frames:
            if one.what == "SEND" and one.body is not None:
                name = one.header("Message-ID")
                found[name] = found.get(name, b"") + one.body
        return found

    def _take(self) -> None:
        """Read until there is another frame."""
        count = self._read
        while (found := _FRAME.match(octets := self.line.read(count), self._read)) is None:
            count = len(octets)
        self._read = found.end()
        transaction, what, head, body, flag = found.groups()
        frame = Frame(transaction.decode(), what.decode(), head.decode(), body, flag.decode())
        self.frames.append(frame)
        if frame.what == "SEND":
            back = frame.header("From-Path").split()[0]
            self.line.write(f"MSRP {frame.transaction} 200 OK\r\nTo-Path: {back}\r\nFrom-Path: "
                            f"{frame.header('To-Path')}\r\n-------{frame.transaction}$\r\n".encode())
