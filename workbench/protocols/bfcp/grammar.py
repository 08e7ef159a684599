"""Which attributes each BFCP message needs: the ABNF of RFC 8855 §5.3 and of its grouped attributes, as data.

Order and surplus are not judged: a receiver takes attributes in any order, and what it does not expect is ignored.
"""

from __future__ import annotations

from workbench.protocols.bfcp.messages import Attribute, Group, Message
from workbench.protocols.bfcp.registry import (
    ErrorCode,
    Kind,
    Primitive,
    attribute_name,
    primitive_name,
)
from workbench.protocols.bfcp.wire import Header, RefusedMessageError

NEEDED: dict[int, tuple[int, ...]] = {
    Primitive.FLOOR_REQUEST: (Kind.FLOOR_ID,),
    Primitive.FLOOR_RELEASE: (Kind.FLOOR_REQUEST_ID,),
    Primitive.FLOOR_REQUEST_QUERY: (Kind.FLOOR_REQUEST_ID,),
    Primitive.FLOOR_REQUEST_STATUS: (Kind.FLOOR_REQUEST_INFORMATION,),
    Primitive.USER_QUERY: (),
    Primitive.USER_STATUS: (),
    Primitive.FLOOR_QUERY: (),
    Primitive.FLOOR_STATUS: (),
    Primitive.CHAIR_ACTION: (Kind.FLOOR_REQUEST_INFORMATION,),
    Primitive.CHAIR_ACTION_ACK: (),
    Primitive.HELLO: (),
    Primitive.HELLO_ACK: (Kind.SUPPORTED_PRIMITIVES, Kind.SUPPORTED_ATTRIBUTES),
    Primitive.ERROR: (Kind.ERROR_CODE,),
    Primitive.FLOOR_REQUEST_STATUS_ACK: (),
    Primitive.FLOOR_STATUS_ACK: (),
    Primitive.GOODBYE: (),
    Primitive.GOODBYE_ACK: (),
}
"""Primitive to the attributes that its message has to have (RFC 8855 §5.3.1 to §5.3.17)."""

NEEDED_INSIDE: dict[int, tuple[int, ...]] = {
    Kind.FLOOR_REQUEST_INFORMATION: (Kind.FLOOR_REQUEST_STATUS,),
}
"""Grouped attribute to those that have to be inside (RFC 8855 §5.2.15)."""


def check(message: Message) -> None:
    """Hold a message against the grammar.

    Raises:
        RefusedMessageError: in this order, a primitive that is not known, a mandatory attribute that is not known, or
            an attribute that is missing. `code` is what a server answers.

    Source: RFC 8855 §5.3, §13.8.
    """
    header = Header(message.version, message.responder, message.primitive, 0, message.conference,
                    message.transaction, message.user)
    needed = NEEDED.get(message.primitive)
    if needed is None:
        raise RefusedMessageError(
            f"primitive {message.primitive}", code=ErrorCode.UNKNOWN_PRIMITIVE, header=header,
            clause="RFC 8855 §5.1", offset=1)
    unknown = message.unknown_mandatory
    if unknown:
        raise RefusedMessageError(
            f"mandatory {', '.join(attribute_name(kind) for kind in unknown)}", header=header,
            code=ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE, clause="RFC 8855 §5.2")
    what = primitive_name(message.primitive)
    _has(message.attributes, needed, what, f"RFC 8855 §5.3.{message.primitive}", header)
    for one in message.attributes:
        if one.kind in NEEDED_INSIDE and isinstance(one.value, Group):
            _has(one.value.attributes, NEEDED_INSIDE[one.kind], attribute_name(one.kind),
                 f"RFC 8855 §5.2.{one.kind}", header)


def _has(attributes: tuple[Attribute, ...], needed: tuple[int, ...], what: str, clause: str, header: Header) -> None:
    there = {one.kind for one in attributes}
    for kind in needed:
        if kind not in there:
            raise RefusedMessageError(f"{what} without {attribute_name(kind)}", header=header, clause=clause)

