"""SDP as values (RFC 8866): every line kept as it was, so that decoding and encoding give the same octets.

A description may be partial and under-specified as H.248 has it: no `o=`, `s=` or `t=`, and `$` for an address, a
port or an attribute's value.
"""

from __future__ import annotations

import enum
import re

import msgspec

from workbench.errors import MalformedMessageError

CHOOSE = "$"

_FINGERPRINT = re.compile(r"([!#$%&'*+\-.^_`{|}~0-9A-Za-z]+)[ \t]+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)[ \t]*")
_HASH_OCTETS = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64, "md5": 16, "md2": 16}


class Setup(enum.StrEnum):
    """Who opens the connection (RFC 4145 §4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


class Fingerprint(msgspec.Struct, frozen=True):
    """The hash of a certificate (RFC 8122 §5): hash token as written, and the value's octets."""

    hash_name: str
    value: bytes

    @staticmethod
    def decode(text: str) -> Fingerprint:
        """Read what stands behind `a=fingerprint:`.

        Raises:
            MalformedMessageError: not `hash SP HEX:HEX...`, or the wrong number of octets for a known hash.
        """
        match = _FINGERPRINT.fullmatch(text.strip())
        if match is None:
            raise MalformedMessageError("not a fingerprint: hash, blank, hex pairs", clause="RFC 8122 §5", offset=0)
        value = bytes.fromhex(match[2].replace(":", ""))
        expected = _HASH_OCTETS.get(match[1].lower())
        if expected is not None and len(value) != expected:
            raise MalformedMessageError(
                f"{match[1]} has {expected} octets, not {len(value)}", clause="RFC 8122 §5", offset=match.start(2))
        return Fingerprint(match[1], value)

    def encode(self) -> str:
        """The attribute's value: hash token, blank, upper-case hex pairs."""
        return f"{self.hash_name} {self.value.hex(':').upper()}"

    def __str__(self) -> str:
        return self.encode()


class Connection(msgspec.Struct, frozen=True):
    """A c= line: network type, address type, address (RFC 8866 §5.7). The address is `$` where the gateway chooses."""

    net_type: str
    addr_type: str
    address: str


class Line(msgspec.Struct, frozen=True):
    """One line: its letter, what stands behind the equals sign, and how it ended."""

    kind: str
    value: str
    ending: str = "\r\n"

    @property
    def attribute(self) -> tuple[str, str | None] | None:
        """Name and value of an a= line (the value is None for a property attribute), or None for other lines."""
        if self.kind != "a":
            return None
        name, colon, value = self.value.partition(":")
        return name, value if colon else None


class Media(msgspec.Struct, frozen=True):
    """An m= line with the lines below it (RFC 8866 §5.14).

    Args:
        port: None stands for `$`: the gateway chooses.
        port_count: what stands behind a slash.
        lines: everything below the m= line, in order.
    """

    media: str
    port: int | None
    proto: str
    formats: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    port_count: int | None = None
    ending: str = "\r\n"

    @property
    def line(self) -> Line:
        """The m= line itself."""
        port = CHOOSE if self.port is None else str(self.port)
        count = "" if self.port_count is None else f"/{self.port_count}"
        return Line("m", " ".join((self.media, port + count, self.proto, *self.formats)), self.ending)

    @property
    def connection(self) -> Connection | None:
        """The c= line at media level, or None."""
        return _connection(self.lines)

    @property
    def setup(self) -> Setup | None:
        """The value of a=setup; None where it is absent or unknown."""
        value = self.attribute("setup")
        return Setup(value) if value in set(Setup) else None

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name; empty for a property attribute; None: not there."""
        return next(iter(self.attributes(name)), None)

    def attributes(self, name: str) -> tuple[str, ...]:
        """The values of all attributes of that name."""
        return _attributes(self.lines, name)

    def with_port(self, port: int | None) -> Media:
        """With another port."""
        return msgspec.structs.replace(self, port=port)

    def with_proto(self, proto: str) -> Media:
        """With another transport."""
        return msgspec.structs.replace(self, proto=proto)

    def with_attribute(self, name: str, value: str | None = None) -> Media:
        """With this attribute: the first of that name is replaced, or it is put at the end."""
        return msgspec.structs.replace(self, lines=_with_attribute(self.lines, name, value, self.ending))

    def without_attribute(self, name: str) -> Media:
        """Without any attribute of that name."""
        return msgspec.structs.replace(self, lines=_without_attribute(self.lines, name))

    def with_connection(self, address: str) -> Media:
        """With a c= line at media level for this address."""
        kept = [line for line in self.lines if line.kind != "c"]
        # RFC 8866 §5: i= stands before c=.
        place = next((i for i, line in enumerate(kept) if line.kind != "i"), len(kept))
        kept.insert(place, _connection_line(address, self.ending))
        return msgspec.structs.replace(self, lines=tuple(kept))

    def without_connection(self) -> Media:
        """Without a c= line at media level: the session's one counts."""
        return msgspec.structs.replace(self, lines=tuple(line for line in self.lines if line.kind != "c"))


class SessionDescription(msgspec.Struct, frozen=True):
    """A session description: the lines above the first m= line, and the media descriptions."""

    lines: tuple[Line, ...] = ()
    media: tuple[Media, ...] = ()

    @property
    def connection(self) -> Connection | None:
        """The c= line at session level, or None."""
        return _connection(self.lines)

    def connection_of(self, media: Media) -> Connection | None:
        """The address that counts for a media description: its own, or the session's (RFC 8866 §5.7)."""
        return media.connection or self.connection

    def attribute(self, name: str) -> str | None:
        """The value of the first session-level attribute of that name; None: not there."""
        return next(iter(self.attributes(name)), None)

    def attributes(self, name: str) -> tuple[str, ...]:
        """The values of all session-level attributes of that name."""
        return _attributes(self.lines, name)

    def attribute_of(self, media: Media, name: str) -> str | None:
        """The attribute that counts for a media description: media level replaces session level."""
        own = media.attribute(name)
        return own if own is not None else self.attribute(name)

    def attributes_of(self, media: Media, name: str) -> tuple[str, ...]:
        """All values that count for a media description: media level replaces session level (RFC 8122 §5)."""
        return media.attributes(name) or self.attributes(name)

    def with_media(self, index: int, media: Media) -> SessionDescription:
        """With another media description at `index`."""
        return SessionDescription(self.lines, (*self.media[:index], media, *self.media[index + 1 :]))

    def with_connection(self, address: str) -> SessionDescription:
        """With this address at session level (put where RFC 8866 §5 wants it)."""
        ending = self.lines[0].ending if self.lines else "\r\n"
        kept = [line for line in self.lines if line.kind != "c"]
        place = next((i for i, line in enumerate(kept) if line.kind not in "vosiuep"), len(kept))
        kept.insert(place, _connection_line(address, ending))
        return SessionDescription(tuple(kept), self.media)

    def with_attribute(self, name: str, value: str | None = None) -> SessionDescription:
        """With this session-level attribute: the first of that name is replaced, or it is put at the end."""
        ending = self.lines[0].ending if self.lines else "\r\n"
        return SessionDescription(_with_attribute(self.lines, name, value, ending), self.media)

    def without_attribute(self, name: str) -> SessionDescription:
        """Without any session-level attribute of that name."""
        return SessionDescription(_without_attribute(self.lines, name), self.media)


def _connection(lines: tuple[Line, ...]) -> Connection | None:
    for line in lines:
        if line.kind == "c":
            parts = line.value.split()
            if len(parts) == 3:
                return Connection(parts[0], parts[1], parts[2].partition("/")[0])
    return None


def _connection_line(address: str, ending: str) -> Line:
    return Line("c", f"IN IP{6 if ':' in address else 4} {address}", ending)


def _attributes(lines: tuple[Line, ...], name: str) -> tuple[str, ...]:
    found = (line.attribute for line in lines)
    return tuple(value or "" for own, value in (pair for pair in found if pair is not None) if own == name)


def _with_attribute(lines: tuple[Line, ...], name: str, value: str | None, ending: str) -> tuple[Line, ...]:
    made = Line("a", name if value is None else f"{name}:{value}", lines[-1].ending or ending if lines else ending)
    for index, line in enumerate(lines):
        attribute = line.attribute
        if attribute is not None and attribute[0] == name:
            return (*lines[:index], made, *lines[index + 1 :])
    if lines and not lines[-1].ending:
        lines = (*lines[:-1], Line(lines[-1].kind, lines[-1].value, ending))
    return (*lines, made)


def _without_attribute(lines: tuple[Line, ...], name: str) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.attribute is None or line.attribute[0] != name)
