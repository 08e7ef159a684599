"""The pieces that SIP header values are made of: lists, parameters, addresses, URIs, Via, CSeq, challenges.

Each function reads its text once, from left to right, so time grows with the length only.

Source: RFC 3261 §25.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from workbench.errors import MalformedMessageError

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )      RFC 3261 §25.1
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")

# host = hostname / IPv4address / IPv6reference; port = 1*DIGIT
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*))(?:\s*:\s*([0-9]{1,5}))?")
# sent-protocol LWS sent-by *( SEMI via-params )
_VIA = re.compile(rf"({TOKEN.pattern})\s*/\s*({TOKEN.pattern})\s*/\s*({TOKEN.pattern})\s+([^;]+)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_CSEQ = re.compile(r"([0-9]{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)")

Parameters = tuple[tuple[str, str | None], ...]
"""Parameters in order: name as written, value (quotes kept), None for a flag."""


class Uri(msgspec.Struct, frozen=True):
    """A SIP or SIPS URI, or another one as far as its scheme (`host` is empty then, `user` the rest).

    Source: RFC 3261 §19.1.
    """

    scheme: str
    user: str
    host: str
    port: int | None = None
    parameters: Parameters = ()
    headers: str = ""

    @classmethod
    def decode(cls, text: str) -> Uri:
        """Read a URI.

        Raises:
            MalformedMessageError: no scheme, or a sip/sips URI without a host.
        """
        scheme, colon, rest = text.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme) or any(c in rest for c in " \t<>\""):
            raise MalformedMessageError("not a URI", clause="RFC 3261 §19.1")
        if scheme.lower() not in ("sip", "sips"):
            return cls(scheme.lower(), rest, "")
        rest, _, headers = rest.partition("?")
        user, at, place = rest.rpartition("@")
        place, semicolon, parameters = place.partition(";")
        host, port = host_port(place)
        return cls(scheme.lower(), user if at else "", host, port,
                   read_parameters(";" + parameters) if semicolon else (), headers)

    @property
    def address(self) -> str:
        """The host without brackets, in lower case."""
        return self.host.strip("[]").lower()

    def __str__(self) -> str:
        if not self.host:
            return f"{self.scheme}:{self.user}"
        at = f"{self.user}@" if self.user else ""
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{at}{self.host}{port}{write_parameters(self.parameters)}{headers}"


class NameAddress(msgspec.Struct, frozen=True):
    """A display name, a URI and parameters: the value of From, To, Contact, Route, ...

    Args:
        display: as written, quotes kept.
        uri: the text of the URI.
        parameters: of the header field, not of the URI.

    Source: RFC 3261 §20.10.
    """

    display: str
    uri: str
    parameters: Parameters = ()

    @classmethod
    def decode(cls, text: str) -> NameAddress:
        """Read one name-addr or addr-spec with its parameters.

        Raises:
            MalformedMessageError: no URI, or a quote or bracket that is not closed.
        """
        text = text.strip()
        display, opened = "", _outside(text, "<")
        if opened is not None:
            closed = text.find(">", opened)
            if closed < 0:
                raise MalformedMessageError("< without >", clause="RFC 3261 §20.10")
            display, uri, rest = text[:opened].strip(), text[opened + 1:closed], text[closed + 1:].strip()
        else:
            # Without brackets, what follows a semicolon belongs to the header field (RFC 3261 §20).
            uri, semicolon, rest = text.partition(";")
            uri, rest = uri.strip(), semicolon + rest
        if not uri or not _SCHEME.match(uri) or ":" not in uri or any(c in uri for c in " \t\""):
            raise MalformedMessageError("not an address", clause="RFC 3261 §20.10")
        return cls(display, uri, read_parameters(rest))

    def parameter(self, name: str) -> str | None:
        """The value of a parameter; ``""`` for a flag, None where it is absent."""
        return parameter(self.parameters, name)

    def with_parameter(self, name: str, value: str | None) -> NameAddress:
        """The same with this parameter."""
        return msgspec.structs.replace(self, parameters=with_parameter(self.parameters, name, value))

    def __str__(self) -> str:
        display = f"{self.display} " if self.display else ""
        return f"{display}<{self.uri}>{write_parameters(self.parameters)}"


class Via(msgspec.Struct, frozen=True):
    """One hop that a request took: `SIP/2.0/UDP host:port;branch=...`. Source: RFC 3261 §20.42, RFC 3581."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def decode(cls, text: str) -> Via:
        """Read one Via value.

        Raises:
            MalformedMessageError: not protocol, transport and sent-by.
        """
        match = _VIA.match(text.strip())
        if match is None or match[1].upper() != "SIP" or match[2] != "2.0":
            raise MalformedMessageError("not a Via", clause="RFC 3261 §20.42")
        host, port = host_port(match[4].strip())
        return cls(match[3].upper(), host, port, read_parameters(text.strip()[match.end():]))

    def parameter(self, name: str) -> str | None:
        """The value of a parameter; ``""`` for a flag, None where it is absent."""
        return parameter(self.parameters, name)

    def with_parameter(self, name: str, value: str | None) -> Via:
        """The same with this parameter."""
        return msgspec.structs.replace(self, parameters=with_parameter(self.parameters, name, value))

    @property
    def branch(self) -> str:
        """The transaction's branch, empty where there is none."""
        return self.parameter("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host, and port where one is written, in lower case."""
        return self.host.lower() if self.port is None else f"{self.host.lower()}:{self.port}"

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{write_parameters(self.parameters)}"


class CSeq(NamedTuple):
    """A CSeq value: number and method. Source: RFC 3261 §20.16."""

    number: int
    method: str

    @classmethod
    def decode(cls, text: str) -> CSeq:
        """Read a CSeq value.

        Raises:
            MalformedMessageError: not a number below 2**31 and a method.
        """
        match = _CSEQ.fullmatch(text.strip())
        if match is None or int(match[1]) >= 1 << 31:
            raise MalformedMessageError("CSeq is not a number below 2**31 and a method", clause="RFC 3261 §8.1.1.5")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


class Credentials(msgspec.Struct, frozen=True):
    """A challenge or an answer to one: scheme and parameters, values without quotes.

    Source: RFC 3261 §20.7, §20.44, RFC 3310 (AKA).
    """

    scheme: str
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def decode(cls, text: str) -> Credentials:
        """Read the value of WWW-Authenticate or Authorization.

        Raises:
            MalformedMessageError: not a scheme and a list of `name=value`.
        """
        scheme, _, rest = text.strip().partition(" ")
        if not TOKEN.fullmatch(scheme):
            raise MalformedMessageError("no authentication scheme", clause="RFC 3261 §20.44")
        found: list[tuple[str, str]] = []
        for part in split(rest, ","):
            name, equals, value = part.partition("=")
            if not equals or not TOKEN.fullmatch(name.strip()):
                raise MalformedMessageError("not name=value", clause="RFC 3261 §20.44")
            found.append((name.strip(), unquoted(value.strip())))
        return cls(scheme, tuple(found))

    def get(self, name: str) -> str | None:
        """A parameter's value without quotes."""
        return next((value for key, value in self.parameters if key.lower() == name.lower()), None)

    def __str__(self) -> str:
        # algorithm, stale, qop of an answer and nc are tokens; all others are quoted strings (RFC 3261 §25.1).
        plain = {"algorithm", "stale", "nc"} | ({"qop"} if self.get("cnonce") is not None else set())
        return f"{self.scheme} " + ", ".join(
            f"{name}={value}" if name.lower() in plain else f'{name}="{value}"' for name, value in self.parameters)


def host_port(text: str) -> tuple[str, int | None]:
    """Split `host[:port]`; an IPv6 address keeps its brackets.

    Raises:
        MalformedMessageError: neither a name nor an address, or a port above 65535.
    """
    match = _HOST_PORT.fullmatch(text)
    if match is None or (match[2] is not None and int(match[2]) > 65_535):
        raise MalformedMessageError("not a host and a port", clause="RFC 3261 §25.1")
    return match[1], None if match[2] is None else int(match[2])


def pieces(text: str, separator: str) -> Iterator[tuple[int, int]]:
    """Where the parts of a list lie: cut at `separator`, but not inside quotes or angle brackets."""
    start = at = 0
    if '"' not in text and "<" not in text:
        while (at := text.find(separator, start)) >= 0:
            yield start, at
            start = at + 1
        yield start, len(text)
        return
    quoted = bracketed = False
    while at < len(text):
        letter = text[at]
        if quoted:
            if letter == "\\":
                at += 1
            elif letter == '"':
                quoted = False
        elif letter == '"':
            quoted = True
        elif letter == "<":
            bracketed = True
        elif letter == ">":
            bracketed = False
        elif letter == separator and not bracketed:
            yield start, at
            start = at + 1
        at += 1
    yield start, len(text)


def split(text: str, separator: str) -> list[str]:
    """The parts of a list, trimmed; empty parts are left out (RFC 3261 §7.3.1)."""
    return [part for start, end in pieces(text, separator) if (part := text[start:end].strip())]


def read_parameters(text: str) -> Parameters:
    """Read `;name=value;flag`, values with their quotes.

    Raises:
        MalformedMessageError: something else in front of the first semicolon, or a name that is no token.
    """
    found: list[tuple[str, str | None]] = []
    for index, (start, end) in enumerate(pieces(text, ";")):
        part = text[start:end].strip()
        if index == 0 or not part:
            if part or index:
                raise MalformedMessageError("not a list of parameters", clause="RFC 3261 §25.1")
            continue
        name, equals, value = part.partition("=")
        name = name.strip()
        if not name or any(c in name for c in ' \t"<>@,'):
            raise MalformedMessageError("a parameter without a name", clause="RFC 3261 §25.1")
        found.append((name, value.strip() if equals else None))
    return tuple(found)


def write_parameters(parameters: Iterable[tuple[str, str | None]]) -> str:
    """Parameters as text, with the semicolon in front."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


def parameter(parameters: Parameters, name: str) -> str | None:
    """A parameter's value (quotes kept); ``""`` for a flag, None where it is absent."""
    for key, value in parameters:
        if key.lower() == name.lower():
            return value or ""
    return None


def with_parameter(parameters: Parameters, name: str, value: str | None) -> Parameters:
    """The parameters with this one set, in its old place or at the end."""
    for index, (key, _) in enumerate(parameters):
        if key.lower() == name.lower():
            return (*parameters[:index], (key, value), *parameters[index + 1:])
    return (*parameters, (name, value))


def unquoted(text: str) -> str:
    """A quoted string without quotes and escapes; other text as it is (RFC 3261 §25.1)."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def address_uri(value: str) -> str:
    """The URI in a From, To or Contact value; empty where it can't be read."""
    try:
        return NameAddress.decode(value).uri
    except MalformedMessageError:
        return ""


def host_of(text: str) -> str:
    """The host of a URI, or of an address with a URI, lower case and without brackets; empty where there is none."""
    try:
        return Uri.decode(address_uri(text) if "<" in text else text.strip()).address
    except MalformedMessageError:
        return ""


def uri_key(text: str) -> str:
    """What two URIs for one user have in common: scheme, user, host and port, without parameters.

    The scheme and host are compared without case, the user with case (RFC 3261 §19.1.4). Text that is no URI is its
    own key.
    """
    try:
        uri = Uri.decode(address_uri(text) if "<" in text else text.strip())
    except MalformedMessageError:
        return text
    if not uri.host:
        return f"{uri.scheme}:{uri.user}"
    port = "" if uri.port in (None, 5060) else f":{uri.port}"
    return f"{uri.scheme}:{uri.user}@{uri.host.lower()}{port}"


def _outside(text: str, letter: str) -> int | None:
    """Where a letter first stands outside a quoted string."""
    quoted, at = False, 0
    while at < len(text):
        if quoted and text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == letter and not quoted:
            return at
        at += 1
    return None
