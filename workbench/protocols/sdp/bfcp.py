"""BFCP streams in SDP: what their attributes say, who is floor control server, and who is TLS client for how long.

Source: RFC 8856 §4 to §10 (RFC 4583 before it).
"""

from __future__ import annotations

import enum
import re

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.sdp.model import Media, SessionDescription
from workbench.protocols.sdp.rules import Rule, Violation, layers


class FloorControl(enum.StrEnum):
    """The role that a side takes (a=floorctrl). Source: RFC 8856 §5.1; `c-s` is RFC 4583's and is not sent any more."""

    CLIENT = "c-only"
    SERVER = "s-only"
    BOTH = "c-s"


FLOOR_CONTROL_ANSWERS: dict[FloorControl, frozenset[FloorControl]] = {
    FloorControl.CLIENT: frozenset({FloorControl.SERVER}),
    FloorControl.SERVER: frozenset({FloorControl.CLIENT}),
    FloorControl.BOTH: frozenset(FloorControl),
}
"""An offered role to the roles that may answer it (RFC 8856 §5.1, RFC 4583 §4)."""

RELIABLE_VERSION = 1
UNRELIABLE_VERSION = 2

_CONFERENCE_MOST = 0xFFFFFFFF
_ID_MOST = 0xFFFF
# floor-id-attribute = "a=floorid:" 1*DIGIT SP "mstrm:" token *(SP token)     RFC 8856 §5.4; RFC 4583 wrote m-stream
_FLOOR = re.compile(r"([0-9]{1,10})(?: +(?:mstrm|m-stream):([^ ]+(?: +[^ ]+)*))? *")


class FloorStreams(msgspec.Struct, frozen=True):
    """A floor, and the a=label of each stream that it controls (a=floorid). Source: RFC 8856 §5.4."""

    floor: int
    labels: tuple[str, ...] = ()

    @classmethod
    def decode(cls, value: str) -> FloorStreams:
        """Read the value of a=floorid.

        Raises:
            MalformedMessageError: not a number of 16 bits, and perhaps `mstrm:` and labels.
        """
        match = _FLOOR.fullmatch(value)
        if match is None or int(match[1]) > _ID_MOST:
            raise MalformedMessageError("a=floorid is not a floor and mstrm: labels", clause="RFC 8856 §5.4")
        return cls(int(match[1]), tuple((match[2] or "").split()))

    def encode(self) -> str:
        """The value of a=floorid."""
        return f"{self.floor} mstrm:{' '.join(self.labels)}" if self.labels else str(self.floor)


class BfcpStream(msgspec.Struct, frozen=True):
    """What a side says of its BFCP stream.

    Args:
        control: the roles that it offers, or the one that it answers; empty: it does not say.
        conference, user: a=confid and a=userid, which the server's side tells; None: not said.
        floors: the floors of the conference.
        versions: a=bfcpver; where it is absent, the one of the transport (RFC 8856 §5.5).
    """

    control: tuple[FloorControl, ...] = ()
    conference: int | None = None
    user: int | None = None
    floors: tuple[FloorStreams, ...] = ()
    versions: tuple[int, ...] = (RELIABLE_VERSION,)

    @classmethod
    def of(cls, media: Media) -> BfcpStream:
        """Read the attributes of a stream.

        Raises:
            MalformedMessageError: one of them can't be read.
        """
        value = media.attribute("bfcpver")
        versions = (version_of(media),) if value is None else _versions(value)
        return cls(
            _control(media), _number(media, "confid", _CONFERENCE_MOST, "RFC 8856 §5.2"),
            _number(media, "userid", _ID_MOST, "RFC 8856 §5.3"),
            tuple(FloorStreams.decode(value.strip(" ")) for value in media.attributes("floorid")), versions)

    @property
    def names(self) -> list[str]:
        """The lines that name conference, user and floors (RFC 8856 §5.2 to §5.4)."""
        lines = [f"a={name}:{number}" for name, number in (("confid", self.conference), ("userid", self.user))
                 if number is not None]
        return [*lines, *(f"a=floorid:{one.encode()}" for one in self.floors)]

    def written(self, media: Media) -> Media:
        """The stream with these attributes in place of what it said before."""
        for name in ("floorctrl", "confid", "userid", "floorid", "bfcpver"):
            media = media.without_attribute(name)
        if self.control:
            media = media.and_attribute("floorctrl", " ".join(self.control))
        for name, number in (("confid", self.conference), ("userid", self.user)):
            if number is not None:
                media = media.and_attribute(name, str(number))
        for floor in self.floors:
            media = media.and_attribute("floorid", floor.encode())
        return media.and_attribute("bfcpver", " ".join(map(str, self.versions))) if self.versions else media


def version_of(media: Media) -> int:
    """The BFCP version of a stream's transport: 1 over TCP, 2 over UDP, and over DTLS (RFC 8856 §5.5)."""
    unreliable = layers(media).carrier == "udp" or layers(media).security == "dtls"
    return UNRELIABLE_VERSION if unreliable else RELIABLE_VERSION


def common_versions(offer: Media, answer: Media) -> tuple[int, ...]:
    """The versions that both sides speak, as the offer orders them (RFC 8856 §5.5, §10.2)."""
    theirs = BfcpStream.of(answer).versions
    return tuple(one for one in BfcpStream.of(offer).versions if one in theirs)


def floor_control(offer: Media, answer: Media) -> tuple[FloorControl, FloorControl]:
    """The roles that offerer and answerer end up with.

    What is not said is `c-only` for the offerer and `s-only` for the answerer (RFC 8856 §5.1). An offerer of several
    roles, or of `c-s`, takes the one that the answer leaves it.

    Raises:
        MalformedMessageError: a role is none.
    """
    offered = _control(offer) or (FloorControl.CLIENT,)
    (answered, *_) = _control(answer) or (FloorControl.SERVER,)
    if len(offered) == 1 and offered[0] is not FloorControl.BOTH:
        return offered[0], answered
    mine = {FloorControl.CLIENT: FloorControl.SERVER, FloorControl.SERVER: FloorControl.CLIENT}
    return mine.get(answered, FloorControl.BOTH), answered


def check_labels(described: SessionDescription) -> list[Violation]:
    """Floors that control a stream which nobody has labelled so (RFC 8856 §5.4)."""
    labels = {media.attribute("label") for media in described.media}
    found = []
    for media in described.media:
        if layers(media).application != "bfcp":
            continue
        for value in media.attributes("floorid"):
            missing = [one for one in _labels(value) if one not in labels]
            found += [Violation(f"a=floorid names label {one}, which no stream has", "RFC 8856 §5.4", "floorid-label")
                      for one in missing]
    return found


# The rules' conditions; each takes (offer, answer), or a section twice

def _is_bfcp(media: Media) -> bool:
    return layers(media).application == "bfcp"


def _unreadable(_: Media, media: Media) -> str | None:
    if not _is_bfcp(media):
        return None
    try:
        BfcpStream.of(media)
    except MalformedMessageError as error:
        return error.what
    return None


def _other_version(_: Media, media: Media) -> str | None:
    if not _is_bfcp(media) or media.attribute("bfcpver") is None or _unreadable(media, media):
        return None
    wanted, said = version_of(media), BfcpStream.of(media).versions
    return None if wanted in said else f"BFCP version {' '.join(map(str, said))} with {media.proto}"


def _more_versions(offer: Media, answer: Media) -> str | None:
    if not _is_bfcp(answer) or _unreadable(offer, offer) or _unreadable(answer, answer):
        return None
    more = [one for one in BfcpStream.of(answer).versions if one not in BfcpStream.of(offer).versions]
    return f"BFCP version {' '.join(map(str, more))} in the answer, not in the offer" if more else None


def _wrong_control(offer: Media, answer: Media) -> str | None:
    if not _is_bfcp(answer):
        return None
    offered = (offer.attribute("floorctrl") or FloorControl.CLIENT).split()
    answered = (answer.attribute("floorctrl") or FloorControl.SERVER).split()
    roles = tuple(FloorControl)
    legal = {other for one in offered if one in roles for other in FLOOR_CONTROL_ANSWERS[FloorControl(one)]}
    if len(answered) == 1 and answered[0] in legal:
        return None
    return f"a=floorctrl:{' '.join(answered)} answers {' '.join(offered)}"


def _control(media: Media) -> tuple[FloorControl, ...]:
    words = (media.attribute("floorctrl") or "").split()
    if any(word not in tuple(FloorControl) for word in words):
        raise MalformedMessageError("a=floorctrl is not c-only, s-only or c-s", clause="RFC 8856 §5.1")
    return tuple(FloorControl(word) for word in words)


def _number(media: Media, name: str, most: int, clause: str) -> int | None:
    value = media.attribute(name)
    if value is None:
        return None
    digits = value.strip(" ")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 10 or int(digits) > most:
        raise MalformedMessageError(f"a={name} is not a number up to {most}", clause=clause)
    return int(digits)


def _versions(value: str) -> tuple[int, ...]:
    words = value.split()
    if not words or not all(word.isascii() and word.isdigit() and len(word) < 4 for word in words):
        raise MalformedMessageError("a=bfcpver is not a list of versions", clause="RFC 8856 §5.5")
    return tuple(int(word) for word in words)


def _labels(value: str) -> tuple[str, ...]:
    match = _FLOOR.fullmatch(value.strip(" "))
    return tuple((match[2] or "").split()) if match is not None else ()


BOTH_RULES = (
    Rule("bfcp-attributes", "RFC 8856 §5", _unreadable),
    Rule("bfcpver-transport", "RFC 8856 §5.5", _other_version),
)
"""Rules on one BFCP stream, offered or answered."""

ANSWER_RULES = (
    Rule("floorctrl-answer", "RFC 8856 §5.1", _wrong_control),
    Rule("bfcpver-answer", "RFC 8856 §5.5", _more_versions),
)
"""Rules on an accepted BFCP stream."""
