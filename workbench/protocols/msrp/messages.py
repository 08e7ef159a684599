"""MSRP messages as frozen values (RFC 4975 §7, §9)."""

from __future__ import annotations

import enum

import msgspec

from workbench.protocols.msrp.uri import Path


class Flag(enum.StrEnum):
    """The octet behind the transaction id of an end-line (RFC 4975 §7.1)."""

    COMPLETE = "$"  # the message ends here
    MORE = "+"      # further chunks of the message follow
    ABORTED = "#"   # the sender gives the message up


class Method(enum.StrEnum):
    """Methods with a specification: RFC 4975, RFC 4976 (AUTH), RFC 7701 (NICKNAME)."""

    SEND = "SEND"
    REPORT = "REPORT"
    AUTH = "AUTH"
    NICKNAME = "NICKNAME"


class Header(msgspec.Struct, frozen=True):
    """A header other than the two paths. Names are compared without case."""

    name: str
    value: str


Headers = tuple[Header, ...]


class ByteRange(msgspec.Struct, frozen=True):
    """Which octets of a message a chunk carries; the first octet is 1. None stands for `*`, not known yet."""

    start: int
    end: int | None
    total: int | None

    def __str__(self) -> str:
        end = "*" if self.end is None else self.end
        total = "*" if self.total is None else self.total
        return f"{self.start}-{end}/{total}"


class Status(msgspec.Struct, frozen=True):
    """What a REPORT says. Namespace 0 means that `code` is a response code."""

    namespace: int
    code: int
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.namespace:03} {self.code:03}" + (f" {self.comment}" if self.comment else "")


class Request(msgspec.Struct, frozen=True):
    """SEND, REPORT or another method.

    Args:
        transaction: ties the response, and the end-line, to the start line.
        method: upper-case letters, also of methods that we do not know.
        to_path: next hop first; its last URI is the far end.
        from_path: last hop first; its last URI is where the request began.
        headers: in order, without the paths.
        body: None where there is none; b"" is a body of no octets.
        flag: how this chunk ends.
    """

    transaction: str
    method: str
    to_path: Path
    from_path: Path
    headers: Headers = ()
    body: bytes | None = None
    flag: Flag = Flag.COMPLETE

    def get(self, name: str) -> str | None:
        """The value of the first header of this name."""
        return get(self.headers, name)


class Response(msgspec.Struct, frozen=True):
    """The answer of the next hop to a request."""

    transaction: str
    status: int
    comment: str
    to_path: Path
    from_path: Path
    headers: Headers = ()

    def get(self, name: str) -> str | None:
        """The value of the first header of this name."""
        return get(self.headers, name)


class Broken(msgspec.Struct, frozen=True):
    """A message whose extent is known (start line and end-line agree) while its headers are wrong or too much.

    Args:
        transaction: from its start line.
        what: method or status code from its start line.
        headers: all that could be read, the paths included.
        body: as far as it was kept; None where there is none.
        flag: how it ends.
    """

    transaction: str
    what: str
    headers: Headers
    body: bytes | None
    flag: Flag


Message = Request | Response


def get(headers: Headers, name: str) -> str | None:
    """The value of the first header of this name, compared without case."""
    wanted = name.lower()
    return next((header.value for header in headers if header.name.lower() == wanted), None)
