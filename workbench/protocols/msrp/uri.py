"""MSRP URIs: text to values and back, and when two of them are the same (RFC 4975 §6)."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Sequence

import msgspec

from workbench.errors import MalformedMessageError

_CLAUSE = "RFC 4975 §6"
URI_OCTETS = 1024
"""The longest URI that is read."""

# MSRP-URI = msrp-scheme "://" authority ["/" session-id] ";" transport *( ";" URI-parameter)
# authority = [userinfo "@"] host [":" port]        session-id = 1*( unreserved / "+" / "=" / "/" )
_URI = re.compile(
    r"(?P<scheme>msrps?)://"
    r"(?:(?P<userinfo>[A-Za-z0-9\-._~!$&'()*+,;=:%]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,=%]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<session_id>[A-Za-z0-9\-._~+=/]+))?"
    r";(?P<transport>[A-Za-z0-9]+)"
    r"(?P<parameters>(?:;[A-Za-z0-9!#$%&'*+\-.^_`|~]+(?:=[A-Za-z0-9!#$%&'*+\-.^_`|~]+)?)*)",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Matching(enum.StrEnum):
    """Which parts of a URI have to agree for a request to belong to a session."""

    EXACT = "exact"            # RFC 4975 §6.1
    SESSION_ID = "session-id"  # the authority is not looked at, as with "sessmatch" (TR 29.828 Annex C)


class Uri(msgspec.Struct, frozen=True):
    """Where an MSRP session ends, or a relay that stands on the way.

    Args:
        scheme: `msrp` (TCP) or `msrps` (TLS over TCP), as written.
        host: IP address (IPv6 without brackets) or name, as written.
        port: None where it is absent; there is no default.
        session_id: what ties a connection to a session; None in a relay's own URI.
        transport: `tcp`.
        userinfo: ignored in comparisons.
        parameters: further parameters, as written.

    Source: RFC 4975 §6.
    """

    scheme: str
    host: str
    port: int | None = None
    session_id: str | None = None
    transport: str = "tcp"
    userinfo: str | None = None
    parameters: tuple[str, ...] = ()

    @property
    def secure(self) -> bool:
        """TLS directly after TCP."""
        return self.scheme.lower() == "msrps"

    def __str__(self) -> str:
        user = "" if self.userinfo is None else f"{self.userinfo}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        session = "" if self.session_id is None else f"/{self.session_id}"
        rest = "".join(f";{parameter}" for parameter in (self.transport, *self.parameters))
        return f"{self.scheme}://{user}{host}{port}{session}{rest}"


Path = tuple[Uri, ...]


def decode(text: str) -> Uri:
    """Read one MSRP URI.

    Raises:
        MalformedMessageError: it is not one; the offset counts characters of `text`.

    Source: RFC 4975 §6, §9.
    """
    if len(text) > URI_OCTETS:
        raise MalformedMessageError(f"MSRP URI of {len(text)} characters", clause=_CLAUSE, offset=URI_OCTETS)
    match = _URI.match(text)
    if match is None:
        raise MalformedMessageError("not an MSRP URI", clause=_CLAUSE, offset=0)
    if match.end() != len(text):
        raise MalformedMessageError("characters that no MSRP URI has", clause=_CLAUSE, offset=match.end())
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 0 < port < 65536:
        raise MalformedMessageError(f"port {port}", clause=_CLAUSE, offset=match.start("port"))
    host = match["host"]
    if host.startswith("["):
        host = host[1:-1]
        if _address(host) is None:
            raise MalformedMessageError("not an IPv6 address", clause=_CLAUSE, offset=match.start("host"))
    parameters = tuple(match["parameters"].split(";")[1:])
    return Uri(match["scheme"], host, port, match["session_id"], match["transport"], match["userinfo"], parameters)


def decode_path(text: str) -> Path:
    """Read the URIs of a To-Path or From-Path header or of `a=path`, one space between them.

    Raises:
        MalformedMessageError: one of them is not an MSRP URI; the offset counts characters of `text`.

    Source: RFC 4975 §7.1, §8.1, §9.
    """
    uris: list[Uri] = []
    at = 0
    for part in text.split(" "):
        try:
            uris.append(decode(part))
        except MalformedMessageError as error:
            raise MalformedMessageError(error.what, clause=error.clause, offset=at + (error.offset or 0)) from None
        at += len(part) + 1
    return tuple(uris)


def encode_path(path: Sequence[Uri]) -> str:
    """The URIs with one space between them."""
    return " ".join(str(uri) for uri in path)


def equal(a: Uri, b: Uri, matching: Matching = Matching.EXACT) -> bool:
    """Whether two URIs name the same thing; nothing is normalised beyond what RFC 4975 §6.1 says."""
    if a.session_id != b.session_id:
        return False
    if matching is Matching.SESSION_ID:
        return a.session_id is not None
    return (
        a.scheme.lower() == b.scheme.lower()
        and _same_host(a.host, b.host)
        and a.port == b.port
        and a.transport.lower() == b.transport.lower()
    )


def _same_host(a: str, b: str) -> bool:
    a, b = _plain(a), _plain(b)
    left, right = _address(a), _address(b)
    if left is not None or right is not None:
        return left == right
    return a.lower() == b.lower()


def _plain(host: str) -> str:
    """Percent-encoded unreserved octets decoded."""

    def decoded(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0]

    return _PERCENT.sub(decoded, host)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
