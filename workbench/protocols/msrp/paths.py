"""Which paths a message gets when it goes from one leg of a middlebox to the other (TS 23.334 §5.19.5, RFC 4975 §7)."""

from __future__ import annotations

import re

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.msrp import responses
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.messages import Method
from workbench.protocols.msrp.responses import Refusal
from workbench.protocols.msrp.uri import Matching, Path

_ASKED_LIMIT = 256
_ONE_HOP = (Method.SEND.value, Method.REPORT.value)  # a REPORT has no response at all

# To-Path is the first header and From-Path the second (RFC 4975 §7.1). Groups: name, URIs, name, URIs.
_PATHS = re.compile(rb"(\r\nTo-Path:[ \t]*)([^\r\n]*)(\r\nFrom-Path:[ \t]*)([^\r\n]*)\r\n", re.IGNORECASE)
_SECOND_PATH = re.compile(rb"\r\n(To|From)-Path:", re.IGNORECASE)
_TO_PATH = re.compile(rb"\r\nTo-Path:[ \t]*([^\r\n]*)\r\n", re.IGNORECASE)
_FROM_PATH = re.compile(rb"\r\nFrom-Path:[ \t]*([^\r\n]*)\r\n", re.IGNORECASE)
_FAILURE_REPORT = re.compile(rb"\r\nFailure-Report:[ \t]*([A-Za-z]*)", re.IGNORECASE)


class Start(msgspec.Struct, frozen=True):
    """A start line: `what` is a method or a status code."""

    transaction: str
    what: str

    @property
    def response(self) -> bool:
        """It starts a response."""
        return self.what.isdigit()


class Paths:
    """The paths of one direction, from leg X to leg Y.

    Args:
        local: X's local path, what To-Path must name.
        onward: Y's remote path, for To-Path.
        origin: Y's local path, for From-Path.
        matching: how To-Path is compared with `local`.
    """

    def __init__(self, *, local: Path, onward: Path, origin: Path, matching: Matching) -> None:
        self._local = local
        self._matching = matching
        # To SEND a response goes one hop back, to other methods all the way; it comes from who answers (RFC 4975 §7.2).
        self._to, self._to_hop = _encode(onward), _encode(onward[:1])
        self._from, self._from_us = _encode(origin), _encode(origin[-1:])
        self._right: dict[bool, tuple[bytes, bytes]] = {}  # what was right last, of responses and requests
        self._asked: dict[str, None] = {}  # transactions passed on that are not SEND: their responses name whole paths
        self.back: Paths = self

    def rewrite(self, start: Start, head: bytes) -> bytes:
        """A head with the paths of Y; all else as it came.

        Args:
            start: its start line.
            head: all its lines, with their CRLF.

        Raises:
            Refusal: 400 where the paths can't be read, 481 where To-Path is not ours.

        Source: R-5.19.5-1 to R-5.19.5-4.
        """
        found = _PATHS.match(head, head.index(b"\r\n"))
        if found is None:
            raise Refusal(400, "To-Path and From-Path are not the first two headers")
        if _SECOND_PATH.search(head, found.end() - 2):
            raise Refusal(400, "a path stands in two headers")
        written = (found[2], found[4])
        if self._right.get(start.response) != written:  # mostly they are those of the message before
            self._check(*written, response=start.response)
            self._right[start.response] = written
        to_path, from_path = self._of_response(start) if start.response else self._of_request(start)
        return b"".join((
            head[: found.start(2)], to_path, head[found.end(2) : found.start(4)], from_path, head[found.end(4) :]))

    def refusal(self, start: Start, head: bytes, status: int) -> bytes | None:
        """The response to a request that ends here; None where none is allowed, or nobody is named to send it to."""
        report = _FAILURE_REPORT.search(head)
        if start.response or not responses.may_refuse(start.what, report[1].decode().lower() if report else "yes"):
            return None
        to_path, from_path = _first(_TO_PATH, head), _first(_FROM_PATH, head)
        if not from_path:
            return None
        return responses.response(start.transaction, start.what, status, to_path or self._local[-1:], from_path)

    def _check(self, to_path: bytes, from_path: bytes, response: bool) -> None:
        try:
            named, _ = _decode(to_path), _decode(from_path)
        except MalformedMessageError as error:
            raise Refusal(400, error.what) from None
        if not self._names_us(named, response):
            raise Refusal(481, f"To-Path is {uris.encode_path(named)}, not {uris.encode_path(self._local)}")

    def _names_us(self, named: Path, response: bool) -> bool:
        """Whether a To-Path is what stands before us.

        In a request that is our path, without those relays of ours that it has passed. In a response it is the path
        that our requests come from: its first URI, or all of it (RFC 4975 §7.2).
        """
        size = len(named)
        if size > len(self._local) or (response and size not in (1, len(self._local))):
            return False
        expected = self._local[:size] if response else self._local[-size:]
        return all(uris.equal(one, other, self._matching) for one, other in zip(named, expected, strict=True))

    def _of_request(self, start: Start) -> tuple[bytes, bytes]:
        if start.what not in _ONE_HOP:
            self._asked[start.transaction] = None
            if len(self._asked) > _ASKED_LIMIT:
                del self._asked[next(iter(self._asked))]
        return self._to, self._from

    def _of_response(self, start: Start) -> tuple[bytes, bytes]:
        asked = self.back._asked
        if start.transaction not in asked:
            return self._to_hop, self._from_us
        del asked[start.transaction]
        return self._to, self._from_us


def _encode(path: Path) -> bytes:
    return uris.encode_path(path).encode()


def _decode(octets: bytes) -> Path:
    try:
        return uris.decode_path(octets.decode())
    except UnicodeDecodeError:
        raise MalformedMessageError("not UTF-8", clause="RFC 4975 §9") from None


def _first(pattern: re.Pattern[bytes], head: bytes) -> Path:
    found = pattern.search(head)
    try:
        return () if found is None else _decode(found[1])
    except MalformedMessageError:
        return ()
