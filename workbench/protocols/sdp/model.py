"""A session description as a value: nothing of the text is lost, and edits give new values.

A description may be partial, as in the Local and Remote descriptors of H.248: only v=, c=, m= and what the controller
wants to say, with `$` (CHOOSE) where the gateway is to fill in a value.

Source: RFC 8866 §5 (lines), RFC 4145 §4 (setup), RFC 8122 §5 (fingerprint), H.248.1 §7.1.8 (Local and Remote).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError

CHOOSE = "$"
"""What an H.248 controller writes where the gateway chooses (H.248.1 §7.1.8)."""

# The order of lines at session and at media level (RFC 8866 §5); a line goes in front of the first later one.
_SESSION_ORDER = "vosiuepcbtrzka"
_MEDIA_ORDER = "icbka"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One `type=value` line.

    Args:
        type: one letter.
        value: everything behind the equals sign.
        end: the line end as it was written: CRLF, LF, or nothing at the very end.
        lead: blank octets in front of the letter (only H.248 descriptors have them).
    """

    type: str
    value: str
    end: str = "\r\n"
    lead: str = ""

    @property
    def name(self) -> str:
        """Of an `a=` line: the attribute's name. Of other lines: the type."""
        return self.value.partition(":")[0] if self.type == "a" else self.type

    @property
    def content(self) -> str:
        """Of an `a=` line: what stands behind the colon, empty for a property attribute. Of other lines: the value."""
        return self.value.partition(":")[2] if self.type == "a" else self.value

    def __str__(self) -> str:
        return f"{self.lead}{self.type}={self.value}{self.end}"


class Connection(msgspec.Struct, frozen=True):
    """A `c=` line: network type, address type, address (`$` where an H.248 gateway chooses it).

    Source: RFC 8866 §5.7.
    """

    net_type: str
    addr_type: str
    address: str

    @classmethod
    def of(cls, address: str) -> Connection:
        """The connection for an IPv4 or IPv6 address."""
        return cls("IN", "IP6" if ":" in address else "IP4", address)

    @classmethod
    def decode(cls, value: str) -> Connection:
        """Read the value of a `c=` line.

        Raises:
            MalformedMessageError: other than three words.
        """
        words = value.split(" ")
        if len(words) != 3 or not all(words):
            raise MalformedMessageError("c= is not network type, address type and address", clause="RFC 8866 §5.7")
        return cls(*words)

    def encode(self) -> str:
        """The value of the `c=` line."""
        return f"{self.net_type} {self.addr_type} {self.address}"


class Origin(msgspec.Struct, frozen=True):
    """An `o=` line. Source: RFC 8866 §5.2."""

    username: str
    session_id: str
    version: str
    net_type: str
    addr_type: str
    address: str

    @classmethod
    def decode(cls, value: str) -> Origin:
        """Read the value of an `o=` line.

        Raises:
            MalformedMessageError: other than six words.
        """
        words = value.split(" ")
        if len(words) != 6 or not all(words):
            raise MalformedMessageError("o= has not six words", clause="RFC 8866 §5.2")
        return cls(*words)

    def encode(self) -> str:
        """The value of the `o=` line."""
        return " ".join((
            self.username, self.session_id, self.version, self.net_type, self.addr_type, self.address))


class Setup(enum.StrEnum):
    """Who opens the connection (a=setup). Source: RFC 4145 §4."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


class Reuse(enum.StrEnum):
    """Whether the connection in place goes on (a=connection). Source: RFC 4145 §5."""

    NEW = "new"
    EXISTING = "existing"


class Direction(enum.StrEnum):
    """Which way a stream goes, seen from who says it. Source: RFC 8866 §6.7."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NONE = "inactive"

    @property
    def sends(self) -> bool:
        """Who says it sends."""
        return self in (Direction.BOTH, Direction.SEND)

    @property
    def receives(self) -> bool:
        """Who says it is ready to receive."""
        return self in (Direction.BOTH, Direction.RECEIVE)


class E2ae(enum.StrEnum):
    """End-to-access-edge security of an m= line (a=3ge2ae). Source: TS 24.229 §7.5.2."""

    REQUESTED = "requested"
    APPLIED = "applied"


HASH_OCTETS = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64, "md5": 16, "md2": 16}
"""Octets of each registered hash function, names in lower case (RFC 8122 §5)."""

# fingerprint = hash-func SP 2UHEX *(":" 2UHEX)      RFC 8122 §5; lower-case digits are read too
_FINGERPRINT = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`{|}~-]+) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)")


class Fingerprint(msgspec.Struct, frozen=True):
    """The hash over the peer's certificate. `hash_name` is kept as written; hash names are compared without case.

    Source: RFC 8122 §5.
    """

    hash_name: str
    value: bytes

    @classmethod
    def decode(cls, text: str) -> Fingerprint:
        """Read the value of `a=fingerprint`, with or without the attribute's name.

        Raises:
            MalformedMessageError: not a hash name and pairs of hexadecimal digits joined by colons, or not as many
                octets as the (known) hash function gives.
        """
        text = text.strip(" ")
        if text.startswith("fingerprint:"):
            text = text.partition(":")[2].strip(" ")
        match = _FINGERPRINT.fullmatch(text)
        if match is None:
            raise MalformedMessageError("a=fingerprint is not a hash name and octets", clause="RFC 8122 §5")
        name, value = match[1], bytes.fromhex(match[2].replace(":", ""))
        if len(value) != HASH_OCTETS.get(name.lower(), len(value)):
            raise MalformedMessageError(f"a=fingerprint has {len(value)} octets for {name}", clause="RFC 8122 §5")
        return cls(name, value)

    def encode(self) -> str:
        """The value of `a=fingerprint`: hash name and upper-case pairs."""
        return f"{self.hash_name} {self.value.hex(':').upper()}"

    def matches(self, other: Fingerprint) -> bool:
        """The same hash over the same certificate, however it is written."""
        return self.hash_name.lower() == other.hash_name.lower() and self.value == other.value


def fingerprint_choice(value: str) -> str | None:
    """Whether a=fingerprint asks an H.248 gateway to fill in its own.

    Args:
        value: of the attribute: `SHA-256 $`, `$` or `$ $`.

    Returns:
        The hash function asked for (`SHA-256` where the gateway chooses that too), or None: nothing is asked.

    Source: H.248.1 §7.1.8, TS 29.334 §5.17.1.
    """
    words = value.split()
    if words in (["$"], ["$", "$"]):
        return "SHA-256"
    return words[0] if len(words) == 2 and words[1] == "$" else None


class _Lines(msgspec.Struct, frozen=True):
    """What session level and media level have in common."""

    lines: tuple[Line, ...]

    def attributes(self, name: str) -> tuple[str, ...]:
        """The values of all `a=name` lines at this level, in order; a property attribute has the value ``""``."""
        if name[:3].casefold() == "t38":
            return tuple(line.content for line in self.lines if line.type == "a" and same_name(line.name, name))
        begins = f"{name}:"
        return tuple([line.value[len(begins):] for line in self.lines
                      if line.type == "a" and ((value := line.value).startswith(begins) or value == name)])

    def attribute(self, name: str) -> str | None:
        """The value of the first `a=name` line at this level; None where there is none."""
        found = self.attributes(name)
        return found[0] if found else None

    def value(self, type_: str) -> str | None:
        """The value of the first line of a type, such as ``"s"``; None where there is none."""
        return next((line.value for line in self.lines if line.type == type_), None)

    @property
    def connection(self) -> Connection | None:
        """The `c=` line of this level, None where there is none."""
        value = self.value("c")
        return None if value is None else Connection.decode(value)


class Media(_Lines, frozen=True, kw_only=True):
    """An m= line and the lines that belong to it.

    Args:
        lines: what follows the m= line, up to the next one.
        media: `message`, `application`, `image`, ... or `-` (H.248, application agnostic).
        port: 0 to 65535; None for `$`.
        port_count: 1 unless the line says `port/count`.
        proto: `TCP/TLS/MSRP`, `udptl`, ... as written.
        formats: the words behind it.
        end, lead: of the m= line, as in `Line`.
        written: the value of the m= line where it isn't written the plain way (more blanks, leading zeros); else empty.

    Source: RFC 8866 §5.14.
    """

    media: str
    port: int | None
    port_count: int = 1
    proto: str
    formats: tuple[str, ...]
    end: str = "\r\n"
    lead: str = ""
    written: str = ""

    @property
    def line(self) -> str:
        """The value of the m= line."""
        if self.written:
            return self.written
        port = CHOOSE if self.port is None else str(self.port)
        count = "" if self.port_count == 1 else f"/{self.port_count}"
        return " ".join((self.media, port + count, self.proto, *self.formats))

    @property
    def rejected(self) -> bool:
        """Port 0: an offer withdraws the stream, an answer refuses it (RFC 3264 §6)."""
        return self.port == 0

    def with_port(self, port: int | None, count: int = 1) -> Media:
        """The same with another port; None writes `$`."""
        return msgspec.structs.replace(self, port=port, port_count=count, written="")

    def with_proto(self, proto: str) -> Media:
        """The same with another transport protocol."""
        return msgspec.structs.replace(self, proto=proto, written="")

    def with_formats(self, formats: Iterable[str]) -> Media:
        """The same with other formats."""
        return msgspec.structs.replace(self, formats=tuple(formats), written="")

    def with_connection(self, address: str | Connection) -> Media:
        """The same with its own `c=` line."""
        return msgspec.structs.replace(
            self, lines=_placed(self.lines, "c", _connection(address), _MEDIA_ORDER, self.end))

    def without_connection(self) -> Media:
        """The same without a `c=` line of its own: the session's holds."""
        return msgspec.structs.replace(self, lines=tuple(line for line in self.lines if line.type != "c"))

    def with_attribute(self, name: str, value: str | None = None) -> Media:
        """The same with `a=name:value` (None or ``""``: `a=name`) in place of the first such line, or at the end."""
        return msgspec.structs.replace(self, lines=_with_attribute(self.lines, name, value, self.end))

    def and_attribute(self, name: str, value: str | None = None) -> Media:
        """The same with one more `a=` line at the end, whether there is one of that name or not."""
        return msgspec.structs.replace(self, lines=(*self.lines, _attribute(name, value, self.lines, self.end)))

    def without_attribute(self, name: str) -> Media:
        """The same without any `a=name` line."""
        return msgspec.structs.replace(self, lines=_without_attribute(self.lines, name))

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The fingerprints of this level that can be read; broken ones are left out."""
        return _fingerprints(self.attributes("fingerprint"))

    @property
    def e2ae(self) -> E2ae | None:
        """a=3ge2ae; None where it is absent, or has a value without meaning, which is ignored (TS 24.229 §7.5.2)."""
        value = (self.attribute("3ge2ae") or "").strip(" ")
        return E2ae(value) if value in tuple(E2ae) else None


class SessionDescription(_Lines, frozen=True):
    """A description: the session's lines, then the media.

    Args:
        lines: up to the first m= line.
        media: the m= lines with theirs.
        tail: blank octets behind the last line (only H.248 descriptors have them).
        encoding: `utf-8`, or `latin-1` for octets that are not UTF-8.
    """

    media: tuple[Media, ...] = ()
    tail: str = ""
    encoding: str = "utf-8"

    def connection_of(self, media: Media) -> Connection | None:
        """Where a stream goes: its own `c=` line, else the session's (RFC 8866 §5.7)."""
        own = media.connection
        return own if own is not None else self.connection

    def attribute_of(self, media: Media, name: str) -> str | None:
        """An attribute that holds at both levels: the stream's own, else the session's."""
        own = media.attribute(name)
        return own if own is not None else self.attribute(name)

    def direction_of(self, media: Media) -> Direction:
        """Which way a stream goes: its own attribute, else the session's, else `sendrecv` (RFC 8866 §6.7)."""
        for level in (media, self):
            for line in level.lines:
                if line.type == "a" and line.value in tuple(Direction):
                    return Direction(line.value)
        return Direction.BOTH

    def fingerprints_of(self, media: Media) -> tuple[Fingerprint, ...]:
        """The fingerprints for a stream: its own replace the session's (RFC 8122 §5)."""
        own = media.attributes("fingerprint")
        return _fingerprints(own if own else self.attributes("fingerprint"))

    def effective(self, media: Media) -> Media:
        """The stream with what it inherits from session level: `c=`, setup, connection, fingerprint, key-mgmt."""
        if media.connection is None and self.connection is not None:
            media = media.with_connection(self.connection)
        for name in ("setup", "connection", "fingerprint", "key-mgmt", "tls-id"):
            if media.attribute(name) is None:
                for value in self.attributes(name):
                    media = media.and_attribute(name, value)
        return media

    @property
    def origin(self) -> Origin | None:
        """The `o=` line; None in a partial description."""
        value = self.value("o")
        return None if value is None else Origin.decode(value)

    def with_origin(self, origin: Origin) -> SessionDescription:
        """The same with another `o=` line."""
        return msgspec.structs.replace(
            self, lines=_placed(self.lines, "o", origin.encode(), _SESSION_ORDER, self._end))

    def with_connection(self, address: str | Connection) -> SessionDescription:
        """The same with this `c=` line at session level."""
        return msgspec.structs.replace(
            self, lines=_placed(self.lines, "c", _connection(address), _SESSION_ORDER, self._end))

    def without_connection(self) -> SessionDescription:
        """The same without a `c=` line at session level."""
        return msgspec.structs.replace(self, lines=tuple(line for line in self.lines if line.type != "c"))

    def with_media(self, index: int, media: Media) -> SessionDescription:
        """The same with another m= section at `index` (counted from 0); one past the last appends.

        Raises:
            LocalProtocolError: there is no such section.
        """
        if not 0 <= index <= len(self.media):
            raise LocalProtocolError(f"no m= line number {index}")
        return msgspec.structs.replace(self, media=(*self.media[:index], media, *self.media[index + 1:]))

    def with_attribute(self, name: str, value: str | None = None) -> SessionDescription:
        """The same with `a=name:value` at session level, in place of the first such line or at the end."""
        return msgspec.structs.replace(self, lines=_with_attribute(self.lines, name, value, self._end))

    def without_attribute(self, name: str) -> SessionDescription:
        """The same without any `a=name` line at session level."""
        return msgspec.structs.replace(self, lines=_without_attribute(self.lines, name))

    @property
    def _end(self) -> str:
        return self.lines[0].end if self.lines else self.media[0].end if self.media else "\r\n"


def same_name(a: str, b: str) -> bool:
    """Attribute names are compared with case, except T.38's, which equipment writes in many ways (T.38 annex D)."""
    return a == b or (a.casefold() == b.casefold() and a[:3].casefold() == "t38")


def _fingerprints(values: Iterable[str]) -> tuple[Fingerprint, ...]:
    found = []
    for value in values:
        try:
            found.append(Fingerprint.decode(value))
        except MalformedMessageError:
            continue
    return tuple(found)


def _connection(address: str | Connection) -> str:
    return (Connection.of(address) if isinstance(address, str) else address).encode()


def _attribute(name: str, value: str | None, lines: tuple[Line, ...], end: str) -> Line:
    return Line("a", f"{name}:{value}" if value else name, *_shape(lines, end))


def _with_attribute(lines: tuple[Line, ...], name: str, value: str | None, end: str) -> tuple[Line, ...]:
    new = _attribute(name, value, lines, end)
    for index, line in enumerate(lines):
        if line.type == "a" and same_name(line.name, name):
            return (*lines[:index], msgspec.structs.replace(line, value=new.value), *lines[index + 1:])
    return (*lines, new)


def _without_attribute(lines: tuple[Line, ...], name: str) -> tuple[Line, ...]:
    return tuple(line for line in lines if not (line.type == "a" and same_name(line.name, name)))


def _placed(lines: tuple[Line, ...], type_: str, value: str, order: str, end: str) -> tuple[Line, ...]:
    """The lines with one of this type set: in place of the first one, or where the order of lines wants it."""
    for index, line in enumerate(lines):
        if line.type == type_:
            return (*lines[:index], msgspec.structs.replace(line, value=value), *lines[index + 1:])
    rank = order.find(type_)
    at = next((index for index, line in enumerate(lines) if order.find(line.type) > rank), len(lines))
    return (*lines[:at], Line(type_, value, *_shape(lines, end)), *lines[at:])


def _shape(lines: tuple[Line, ...], end: str) -> tuple[str, str]:
    """Line end and lead for a new line, like its neighbours'."""
    lead = lines[0].lead.rpartition("\n")[2] if lines else ""
    return (end or "\r\n", lead)
