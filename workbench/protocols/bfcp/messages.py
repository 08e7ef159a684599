"""BFCP messages as frozen values. Attributes that nobody here knows keep their octets.

Source: RFC 8855 §5 (version 1: RFC 4582 §5).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from workbench.protocols.bfcp.registry import FORMATS, Kind, Primitive, Priority, Status, priority_of

RELIABLE = 1
"""The version on TCP and TLS (RFC 8855 §5.1)."""
UNRELIABLE = 2
"""The version on UDP and DTLS (RFC 8855 §5.1)."""


class RequestStatus(msgspec.Struct, frozen=True):
    """Value of REQUEST-STATUS: what has become of a request, and its place in the queue (0: none, or not told).

    Source: RFC 8855 §5.2.5.
    """

    status: int
    position: int = 0


class Failure(msgspec.Struct, frozen=True):
    """Value of ERROR-CODE: the code, and what belongs to it (with code 4 an octet for each unknown attribute).

    Source: RFC 8855 §5.2.6.
    """

    code: int
    details: bytes = b""

    @property
    def attributes(self) -> tuple[int, ...]:
        """The types that the details name, where the code is 4: seven bits each, the eighth is reserved."""
        return tuple(octet >> 1 for octet in self.details)


class Group(msgspec.Struct, frozen=True):
    """Value of a grouped attribute: a user, floor or floor request id, and the attributes inside.

    Source: RFC 8855 §5.2.14 to §5.2.18.
    """

    number: int
    attributes: tuple[Attribute, ...] = ()


Value = int | str | bytes | tuple[int, ...] | RequestStatus | Failure | Group
"""An id or priority, text, octets of an unknown attribute, supported codes, or one of the structures above."""


class Attribute(msgspec.Struct, frozen=True):
    """A type, its value, and whether a receiver that does not know the type has to refuse the message (M bit).

    For the types of RFC 8855 the M bit says nothing, since all have to be understood (§5.2).
    """

    kind: int
    value: Value
    mandatory: bool = False


class Message(msgspec.Struct, frozen=True):
    """One BFCP message.

    Args:
        primitive: what it is; also numbers that have no specification.
        conference, transaction, user: the ids of the COMMON-HEADER. A transaction id of 0 with version 1 means that
            the server said it unasked.
        attributes: in order.
        version: `RELIABLE` or `UNRELIABLE`.
        responder: the R bit: it answers a message; always False with version 1.

    Source: RFC 8855 §5.1, §5.3.
    """

    primitive: int
    conference: int
    transaction: int
    user: int
    attributes: tuple[Attribute, ...] = ()
    version: int = RELIABLE
    responder: bool = False

    def all(self, kind: int) -> tuple[Value, ...]:
        """The values of all attributes of a type, in order."""
        return tuple(one.value for one in self.attributes if one.kind == kind)

    def number(self, kind: int) -> int | None:
        """The number in the first attribute of a type; None where there is none."""
        return number_in(self.attributes, kind)

    def text(self, kind: int) -> str:
        """The text of the first attribute of a type; empty where there is none."""
        return text_in(self.attributes, kind)

    @property
    def floors(self) -> tuple[int, ...]:
        """What its FLOOR-ID attributes say."""
        return tuple(value for value in self.all(Kind.FLOOR_ID) if isinstance(value, int))

    @property
    def requests(self) -> tuple[Request, ...]:
        """What its FLOOR-REQUEST-INFORMATION attributes say."""
        return tuple(request_of(value) for value in self.all(Kind.FLOOR_REQUEST_INFORMATION)
                     if isinstance(value, Group))

    @property
    def failure(self) -> Failure | None:
        """Its ERROR-CODE; None where there is none."""
        return next((value for value in self.all(Kind.ERROR_CODE) if isinstance(value, Failure)), None)

    @property
    def unknown_mandatory(self) -> tuple[int, ...]:
        """Types that have to be understood and have no specification, each once, in order (RFC 8855 §5.2)."""
        found = (one.kind for one in walk(self.attributes) if one.mandatory and one.kind not in FORMATS)
        return tuple(dict.fromkeys(found))


class User(msgspec.Struct, frozen=True):
    """A person in a conference as BENEFICIARY- and REQUESTED-BY-INFORMATION tell of one (RFC 8855 §5.2.14, §5.2.16)."""

    user: int
    name: str = ""
    uri: str = ""


class FloorStatus(msgspec.Struct, frozen=True):
    """How a request stands on one floor: FLOOR-REQUEST-STATUS (RFC 8855 §5.2.17)."""

    floor: int
    status: int | None = None
    position: int = 0
    info: str = ""


class Request(msgspec.Struct, frozen=True):
    """A floor request as FLOOR-REQUEST-INFORMATION tells of it (RFC 8855 §5.2.15).

    Args:
        request: its id.
        floors: one entry for each floor asked for.
        status: of the request as a whole; None where OVERALL-REQUEST-STATUS is missing, as a chair may leave it.
        position: in the queue, from 1; 0 where it is in none, or its place is not told.
        info: STATUS-INFO on the whole.
        beneficiary, requested_by: for whom, and who asked; None where it is not said.
        priority: None where it is not said.
        provided: what the participant said about it (PARTICIPANT-PROVIDED-INFO).
    """

    request: int
    floors: tuple[FloorStatus, ...]
    status: int | None = None
    position: int = 0
    info: str = ""
    beneficiary: User | None = None
    requested_by: User | None = None
    priority: Priority | None = None
    provided: str = ""


def walk(attributes: tuple[Attribute, ...]) -> Iterator[Attribute]:
    """The attributes, and those inside groups."""
    for one in attributes:
        yield one
        if isinstance(one.value, Group):
            yield from walk(one.value.attributes)


def number_in(attributes: tuple[Attribute, ...], kind: int) -> int | None:
    """The number in the first attribute of a type; None where there is none."""
    return next((one.value for one in attributes if one.kind == kind and isinstance(one.value, int)), None)


def text_in(attributes: tuple[Attribute, ...], kind: int) -> str:
    """The text of the first attribute of a type; empty where there is none."""
    return next((one.value for one in attributes if one.kind == kind and isinstance(one.value, str)), "")


# From what is meant to attributes. The M bit is set where the message's grammar needs the attribute.

def floor_id(floor: int) -> Attribute:
    """FLOOR-ID (RFC 8855 §5.2.2)."""
    return Attribute(Kind.FLOOR_ID, floor, True)


def request_id(request: int) -> Attribute:
    """FLOOR-REQUEST-ID (RFC 8855 §5.2.3)."""
    return Attribute(Kind.FLOOR_REQUEST_ID, request, True)


def supported(kind: int, codes: tuple[int, ...]) -> Attribute:
    """SUPPORTED-ATTRIBUTES or SUPPORTED-PRIMITIVES (RFC 8855 §5.2.10, §5.2.11)."""
    return Attribute(kind, codes, True)


def failure(code: int, details: bytes = b"") -> Attribute:
    """ERROR-CODE (RFC 8855 §5.2.6)."""
    return Attribute(Kind.ERROR_CODE, Failure(code, details), True)


def unknown_attributes(kinds: tuple[int, ...]) -> Attribute:
    """ERROR-CODE 4, which names the types that are not known (RFC 8855 §5.2.6, figure 12)."""
    return failure(4, bytes(kind << 1 for kind in kinds[:_MOST_DETAILS]))


def texts(kind: int, text: str, room: int = 253) -> tuple[Attribute, ...]:
    """A text attribute, or none for empty text; what `room` octets can't hold is cut between two characters."""
    octets = text.encode("utf-8", "replace")
    if len(octets) > room:
        text = octets[:max(0, room)].decode("utf-8", "ignore")
    return (Attribute(kind, text),) if text else ()


def user_information(kind: int, user: User, room: int = 251) -> Attribute:
    """BENEFICIARY- or REQUESTED-BY-INFORMATION; a name or URI that does not fit is cut (RFC 8855 §5.2.14, §5.2.16)."""
    name = texts(Kind.USER_DISPLAY_NAME, user.name, _text_room(room))
    uri = texts(Kind.USER_URI, user.uri, _text_room(room - size_of(name)))
    return Attribute(kind, Group(user.user, (*name, *uri)))


def request_information(request: Request) -> Attribute:
    """FLOOR-REQUEST-INFORMATION in the order of its grammar (RFC 8855 §5.2.15).

    A grouped attribute has at most 255 octets. Numbers and states always stay; texts are cut, and then the users'
    names left out, in the order in which they stand at the end of the grammar.
    """
    overall: tuple[Attribute, ...] = ()
    if request.status is not None:
        status = Attribute(Kind.REQUEST_STATUS, RequestStatus(request.status, request.position), True)
        info = texts(Kind.STATUS_INFO, request.info, 64)
        overall = (Attribute(Kind.OVERALL_REQUEST_STATUS, Group(request.request, (status, *info)), True),)
    parts = [*overall, *(_floor_status(one) for one in request.floors)]
    priority = () if request.priority is None else (Attribute(Kind.PRIORITY, int(request.priority)),)
    left = 251 - size_of((*parts, *priority))
    users = ((Kind.BENEFICIARY_INFORMATION, request.beneficiary), (Kind.REQUESTED_BY_INFORMATION, request.requested_by))
    for kind, user in users:
        if user is not None and left >= 4:
            parts.append(user_information(kind, user, left - 4))
            left -= size_of(parts[-1:])
    provided = texts(Kind.PARTICIPANT_PROVIDED_INFO, request.provided, _text_room(left))
    return Attribute(
        Kind.FLOOR_REQUEST_INFORMATION, Group(request.request, (*parts, *priority, *provided)), True)


def request_of(group: Group) -> Request:
    """What a FLOOR-REQUEST-INFORMATION says."""
    overall = _group_in(group.attributes, Kind.OVERALL_REQUEST_STATUS)
    inner = overall.attributes if overall is not None else ()
    status = _status_in(inner)
    floors = tuple(_floor_of(one.value) for one in group.attributes
                   if one.kind == Kind.FLOOR_REQUEST_STATUS and isinstance(one.value, Group))
    priority = number_in(group.attributes, Kind.PRIORITY)
    return Request(
        group.number, floors, None if status is None else status.status, 0 if status is None else status.position,
        text_in(inner, Kind.STATUS_INFO), _user_in(group.attributes, Kind.BENEFICIARY_INFORMATION),
        _user_in(group.attributes, Kind.REQUESTED_BY_INFORMATION), None if priority is None else priority_of(priority),
        text_in(group.attributes, Kind.PARTICIPANT_PROVIDED_INFO))


def size_of(attributes: tuple[Attribute, ...] | list[Attribute]) -> int:
    """Octets that attributes take on the wire, padding included."""
    return sum((2 + _value_size(one.value) + 3) // 4 * 4 for one in attributes)


def status_of(code: int | None) -> Status | None:
    """The request status of a number; None for one without a specification."""
    return Status(code) if code is not None and Status.PENDING <= code <= Status.REVOKED else None


def is_answer(primitive: int) -> bool:
    """A client's request is answered with it (RFC 8855 §5.3)."""
    return primitive in _ANSWERS


_MOST_DETAILS = 252
_ANSWERS = frozenset({
    Primitive.FLOOR_REQUEST_STATUS, Primitive.USER_STATUS, Primitive.FLOOR_STATUS, Primitive.CHAIR_ACTION_ACK,
    Primitive.HELLO_ACK, Primitive.ERROR, Primitive.GOODBYE_ACK, Primitive.FLOOR_REQUEST_STATUS_ACK,
    Primitive.FLOOR_STATUS_ACK,
})


def _text_room(octets: int) -> int:
    """Octets of text that an attribute of whole words can have within `octets`."""
    return max(0, octets // 4 * 4 - 2)


def _value_size(value: Value) -> int:
    match value:
        case str():
            return len(value.encode("utf-8", "replace"))
        case bytes() | tuple():
            return len(value)
        case Failure():
            return 1 + len(value.details)
        case Group():
            return 2 + size_of(value.attributes)
    return 2


def _floor_status(one: FloorStatus) -> Attribute:
    status = () if one.status is None else (Attribute(Kind.REQUEST_STATUS, RequestStatus(one.status, one.position)),)
    inner = (*status, *texts(Kind.STATUS_INFO, one.info, 64))
    return Attribute(Kind.FLOOR_REQUEST_STATUS, Group(one.floor, inner), True)


def _floor_of(group: Group) -> FloorStatus:
    status = _status_in(group.attributes)
    if status is None:
        return FloorStatus(group.number, info=text_in(group.attributes, Kind.STATUS_INFO))
    return FloorStatus(group.number, status.status, status.position, text_in(group.attributes, Kind.STATUS_INFO))


def _status_in(attributes: tuple[Attribute, ...]) -> RequestStatus | None:
    return next((one.value for one in attributes if isinstance(one.value, RequestStatus)), None)


def _group_in(attributes: tuple[Attribute, ...], kind: int) -> Group | None:
    return next((one.value for one in attributes if one.kind == kind and isinstance(one.value, Group)), None)


def _user_in(attributes: tuple[Attribute, ...], kind: int) -> User | None:
    group = _group_in(attributes, kind)
    if group is None:
        return None
    inner = group.attributes
    return User(group.number, text_in(inner, Kind.USER_DISPLAY_NAME), text_in(inner, Kind.USER_URI))
