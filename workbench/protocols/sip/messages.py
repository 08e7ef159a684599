"""SIP messages as values.

Source: RFC 3261 §7.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.sip.grammar import CSeq, NameAddress, Via, address_uri, split

COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject",
    "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}
"""Compact header names (RFC 3261 §20, IANA "SIP Parameters")."""

REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    200: "OK", 202: "Accepted", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
    413: "Request Entity Too Large", 415: "Unsupported Media Type", 420: "Bad Extension", 421: "Extension Required",
    423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 494: "Security Agreement Required",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large", 580: "Precondition Failure",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}
"""Usual reason phrases (RFC 3261 §21, RFC 3329, RFC 3312)."""


# Headers with commas of their own (RFC 3261 §7.3.1, §20.17).
_NEVER_LISTS = frozenset({"www-authenticate", "authorization", "proxy-authenticate", "proxy-authorization", "date"})


@functools.lru_cache(4096)
def canonical(name: str) -> str:
    """A header name as comparisons see it: compact forms spelled out, lower case."""
    return COMPACT.get(name.lower(), name).lower()


class Headers(msgspec.Struct, frozen=True):
    """Header fields in order. Names are compared without case, and compact names mean their long ones.

    Args:
        fields: name as written, value with folded lines joined.
    """

    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, *fields: tuple[str, str]) -> Headers:
        """The headers in this order."""
        return cls(tuple(fields))

    def get(self, name: str) -> str | None:
        """The value of the first field of this name; None where there is none."""
        wanted = canonical(name)
        for key, value in self.fields:
            if canonical(key) == wanted:
                return value
        return None

    def lines(self, name: str) -> tuple[str, ...]:
        """The values of all fields of this name, one a field, in order."""
        wanted = canonical(name)
        return tuple(value for key, value in self.fields if canonical(key) == wanted)

    def all(self, name: str) -> tuple[str, ...]:
        """All values of this name: lists are taken apart at their commas (RFC 3261 §7.3.1), credentials are not."""
        if canonical(name) in _NEVER_LISTS:
            return self.lines(name)
        return tuple(part for value in self.lines(name) for part in split(value, ","))

    def with_(self, name: str, value: str | Iterable[str]) -> Headers:
        """The same with these values in place of all fields of this name (at the first one's place, or at the end)."""
        wanted = canonical(name)
        new = tuple((name, one) for one in ([value] if isinstance(value, str) else value))
        at = next((i for i, (key, _) in enumerate(self.fields) if canonical(key) == wanted), len(self.fields))
        before = tuple(field for field in self.fields[:at] if canonical(field[0]) != wanted)
        behind = tuple(field for field in self.fields[at:] if canonical(field[0]) != wanted)
        return Headers((*before, *new, *behind))

    def added(self, name: str, value: str, *, first: bool = False) -> Headers:
        """The same with one more field, in front of all others or behind them."""
        return Headers(((name, value), *self.fields) if first else (*self.fields, (name, value)))

    def without(self, name: str) -> Headers:
        """The same without any field of this name."""
        wanted = canonical(name)
        return Headers(tuple(field for field in self.fields if canonical(field[0]) != wanted))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


class _Message(msgspec.Struct, frozen=True):
    """What requests and responses have in common."""

    headers: Headers = Headers()
    body: bytes = b""

    @property
    def call_id(self) -> str:
        """The Call-ID, empty where there is none."""
        return self.headers.get("Call-ID") or ""

    @property
    def cseq(self) -> CSeq:
        """Number and method of CSeq; (0, "") where it can't be read, which is never for a message that was decoded."""
        try:
            return CSeq.decode(self.headers.get("CSeq") or "")
        except MalformedMessageError:
            return CSeq(0, "")

    @property
    def from_tag(self) -> str:
        """The tag of From, empty where there is none."""
        return tag_of(self.headers.get("From") or "")

    @property
    def to_tag(self) -> str:
        """The tag of To, empty where there is none."""
        return tag_of(self.headers.get("To") or "")

    @property
    def vias(self) -> tuple[Via, ...]:
        """The hops, the last one first.

        Raises:
            MalformedMessageError: one can't be read (never for a message that was decoded).
        """
        return tuple(Via.decode(value) for value in self.headers.all("Via"))

    @property
    def via(self) -> Via:
        """The last hop.

        Raises:
            MalformedMessageError: there is none, or it can't be read (never for a message that was decoded).
        """
        values = self.headers.all("Via")
        return Via.decode(values[0] if values else "")

    @property
    def contact_uri(self) -> str:
        """The URI of the first Contact, empty where there is none that can be read."""
        values = self.headers.all("Contact")
        return address_uri(values[0]) if values else ""


class Request(_Message, frozen=True, kw_only=True):
    """A request: method and Request-URI. Source: RFC 3261 §7.1."""

    method: str
    uri: str

    def with_headers(self, headers: Headers) -> Request:
        """The same with other headers."""
        return msgspec.structs.replace(self, headers=headers)


class Response(_Message, frozen=True, kw_only=True):
    """A response: status code and reason phrase. Source: RFC 3261 §7.2."""

    status: int
    reason: str

    @property
    def method(self) -> str:
        """The method that it answers, from CSeq."""
        return self.cseq.method

    def with_headers(self, headers: Headers) -> Response:
        """The same with other headers."""
        return msgspec.structs.replace(self, headers=headers)


Message = Request | Response


@functools.lru_cache(256)
def tag_of(value: str) -> str:
    """The tag of a From or To value; empty where there is none."""
    try:
        return NameAddress.decode(value).parameter("tag") or ""
    except MalformedMessageError:
        return ""
