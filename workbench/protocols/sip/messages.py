"""SIP messages as values (RFC 3261 §7): a start line, headers in order, a body."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sipmessage import URI, Address

from workbench.errors import MalformedMessageError

COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition", "e": "Content-Encoding",
    "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
    "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
    "y": "Identity",
}
"""Compact forms (RFC 3261 §7.3.3 and the IANA registry)."""

# Headers whose values can't be joined by commas (RFC 3261 §7.3.1).
_NEVER_LISTS = {"www-authenticate", "authorization", "proxy-authenticate", "proxy-authorization"}


class Headers(msgspec.Struct, frozen=True):
    """Header fields in order, with names as written. Names are compared without case, compact forms understood."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value of that name, or None."""
        wanted = full_name(name)
        return next((value for own, value in self.fields if full_name(own) == wanted), None)

    def all(self, name: str) -> tuple[str, ...]:
        """All values of that name, lists taken apart at their commas (RFC 3261 §7.3.1)."""
        wanted = full_name(name)
        values = [value for own, value in self.fields if full_name(own) == wanted]
        if wanted in _NEVER_LISTS:
            return tuple(values)
        return tuple(part for value in values for part in split_list(value))

    def with_(self, name: str, value: str) -> Headers:
        """With this value: the first field of that name is replaced and the others go, or it is put at the end."""
        wanted = full_name(name)
        for index, (own, _) in enumerate(self.fields):
            if full_name(own) == wanted:
                rest = tuple(field for field in self.fields[index + 1 :] if full_name(field[0]) != wanted)
                return Headers((*self.fields[:index], (own, value), *rest))
        return Headers((*self.fields, (name, value)))

    def without(self, name: str) -> Headers:
        """Without any field of that name."""
        wanted = full_name(name)
        return Headers(tuple(field for field in self.fields if full_name(field[0]) != wanted))

    def first(self, name: str, value: str) -> Headers:
        """With one more field in front of all others (a Via)."""
        return Headers(((name, value), *self.fields))


class _Message(msgspec.Struct, frozen=True):
    headers: Headers = Headers()
    body: bytes = b""

    @property
    def call_id(self) -> str:
        """The Call-ID, empty if there is none."""
        return self.headers.get("Call-ID") or ""

    @property
    def from_tag(self) -> str:
        """The tag of From, empty if there is none."""
        return tag_of(self.headers.get("From") or "")

    @property
    def to_tag(self) -> str:
        """The tag of To, empty if there is none: outside a dialog."""
        return tag_of(self.headers.get("To") or "")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq; (0, "") if it can't be read."""
        number, _, method = (self.headers.get("CSeq") or "").strip().partition(" ")
        return (int(number), method.strip()) if number.isdecimal() and len(number) <= 10 else (0, "")


class Request(_Message, frozen=True, kw_only=True):
    """A request: method and Request-URI (RFC 3261 §7.1)."""

    method: str
    uri: str


class Response(_Message, frozen=True, kw_only=True):
    """A response: status code and reason phrase (RFC 3261 §7.2)."""

    status: int
    reason: str

    @property
    def method(self) -> str:
        """The method that it answers, from CSeq."""
        return self.cseq[1]


Message = Request | Response


def full_name(name: str) -> str:
    """A header name for comparison: its long form in lower case."""
    lowered = name.strip().lower()
    return COMPACT.get(lowered, lowered).lower()


def split_list(value: str) -> list[str]:
    """The members of a comma list; commas in quotes and angle brackets do not count."""
    parts: list[str] = []
    quoted = angled = escaped = False
    start = 0
    for index, letter in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in "<>":
            angled = letter == "<"
        elif letter == "," and not quoted and not angled:
            parts.append(value[start:index].strip())
            start = index + 1
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def address(value: str) -> Address:
    """A name-addr or addr-spec with its parameters.

    Raises:
        MalformedMessageError: it is not one.
    """
    try:
        return Address.parse(value)
    except ValueError as error:
        raise MalformedMessageError(f"not an address: {value[:60]!r}", clause="RFC 3261 §20.10", offset=0) from error


def address_uri(value: str) -> str:
    """The URI of an address such as a From value; empty if it can't be read."""
    try:
        return str(address(value).uri)
    except MalformedMessageError:
        return ""


def tag_of(value: str) -> str:
    """The tag parameter of a From or To value; empty if there is none."""
    _, _, parameters = value.rpartition(">") if ">" in value else ("", "", value)
    for parameter in parameters.split(";"):
        name, _, content = parameter.partition("=")
        if name.strip().lower() == "tag":
            return content.strip()
    return ""


def host_of(value: str) -> str:
    """The host of a URI or of an address; empty if it can't be read."""
    try:
        uri = address(value).uri if "<" in value else URI.parse(value)
    except (ValueError, MalformedMessageError):
        return ""
    return str(uri.host)


def uri_key(uri: str) -> str:
    """What identifies a user: scheme, user and host of a SIP URI, without parameters and port; empty if unreadable."""
    try:
        parsed = URI.parse(uri)
    except ValueError:
        return ""
    return f"{parsed.scheme.lower()}:{parsed.user or ''}@{str(parsed.host).lower()}"


def headers(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Header fields from pairs."""
    return Headers(tuple(pairs))
