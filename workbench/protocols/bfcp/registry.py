"""BFCP code points: primitives, attributes, request status, error codes, priorities.

Source: IANA "Binary Floor Control Protocol (BFCP) Parameters", RFC 8855 §5.
"""

from __future__ import annotations

import enum


class Primitive(enum.IntEnum):
    """What a message is (RFC 8855 §5.1, table 1). 14 to 17 came with RFC 8855; RFC 4582 ends at 13."""

    FLOOR_REQUEST = 1
    FLOOR_RELEASE = 2
    FLOOR_REQUEST_QUERY = 3
    FLOOR_REQUEST_STATUS = 4
    USER_QUERY = 5
    USER_STATUS = 6
    FLOOR_QUERY = 7
    FLOOR_STATUS = 8
    CHAIR_ACTION = 9
    CHAIR_ACTION_ACK = 10
    HELLO = 11
    HELLO_ACK = 12
    ERROR = 13
    FLOOR_REQUEST_STATUS_ACK = 14
    FLOOR_STATUS_ACK = 15
    GOODBYE = 16
    GOODBYE_ACK = 17


class Kind(enum.IntEnum):
    """Attribute types (RFC 8855 §5.2, table 2)."""

    BENEFICIARY_ID = 1
    FLOOR_ID = 2
    FLOOR_REQUEST_ID = 3
    PRIORITY = 4
    REQUEST_STATUS = 5
    ERROR_CODE = 6
    ERROR_INFO = 7
    PARTICIPANT_PROVIDED_INFO = 8
    STATUS_INFO = 9
    SUPPORTED_ATTRIBUTES = 10
    SUPPORTED_PRIMITIVES = 11
    USER_DISPLAY_NAME = 12
    USER_URI = 13
    BENEFICIARY_INFORMATION = 14
    FLOOR_REQUEST_INFORMATION = 15
    REQUESTED_BY_INFORMATION = 16
    FLOOR_REQUEST_STATUS = 17
    OVERALL_REQUEST_STATUS = 18


class Format(enum.Enum):
    """How the value of an attribute is laid out (RFC 8855 §5.2, figure 5 and §5.2.1 to §5.2.18)."""

    UNSIGNED_16 = "Unsigned16"
    PRIORITY = "OctetString16, a priority"
    STATUS = "OctetString16, a request status"
    ERROR = "OctetString, an error code"
    TEXT = "OctetString, UTF-8 text"
    ATTRIBUTES = "OctetString, attribute types"
    PRIMITIVES = "OctetString, primitives"
    GROUPED = "Grouped"
    OPAQUE = "not known here"


FORMATS: dict[int, Format] = {
    Kind.BENEFICIARY_ID: Format.UNSIGNED_16,
    Kind.FLOOR_ID: Format.UNSIGNED_16,
    Kind.FLOOR_REQUEST_ID: Format.UNSIGNED_16,
    Kind.PRIORITY: Format.PRIORITY,
    Kind.REQUEST_STATUS: Format.STATUS,
    Kind.ERROR_CODE: Format.ERROR,
    Kind.ERROR_INFO: Format.TEXT,
    Kind.PARTICIPANT_PROVIDED_INFO: Format.TEXT,
    Kind.STATUS_INFO: Format.TEXT,
    Kind.SUPPORTED_ATTRIBUTES: Format.ATTRIBUTES,
    Kind.SUPPORTED_PRIMITIVES: Format.PRIMITIVES,
    Kind.USER_DISPLAY_NAME: Format.TEXT,
    Kind.USER_URI: Format.TEXT,
    Kind.BENEFICIARY_INFORMATION: Format.GROUPED,
    Kind.FLOOR_REQUEST_INFORMATION: Format.GROUPED,
    Kind.REQUESTED_BY_INFORMATION: Format.GROUPED,
    Kind.FLOOR_REQUEST_STATUS: Format.GROUPED,
    Kind.OVERALL_REQUEST_STATUS: Format.GROUPED,
}
"""Attribute type to the layout of its value."""


class Status(enum.IntEnum):
    """What has become of a floor request (RFC 8855 §5.2.5, table 4)."""

    PENDING = 1
    ACCEPTED = 2
    GRANTED = 3
    DENIED = 4
    CANCELLED = 5
    RELEASED = 6
    REVOKED = 7

    @property
    def final(self) -> bool:
        """Nothing comes behind it."""
        return self >= Status.DENIED


class ErrorCode(enum.IntEnum):
    """Why a message was refused (RFC 8855 §5.2.6, table 5). 10 to 14 came with RFC 8855."""

    CONFERENCE_DOES_NOT_EXIST = 1
    USER_DOES_NOT_EXIST = 2
    UNKNOWN_PRIMITIVE = 3
    UNKNOWN_MANDATORY_ATTRIBUTE = 4
    UNAUTHORIZED_OPERATION = 5
    INVALID_FLOOR_ID = 6
    FLOOR_REQUEST_ID_DOES_NOT_EXIST = 7
    TOO_MANY_FLOOR_REQUESTS = 8
    USE_TLS = 9
    UNABLE_TO_PARSE = 10
    USE_DTLS = 11
    UNSUPPORTED_VERSION = 12
    INCORRECT_MESSAGE_LENGTH = 13
    GENERIC_ERROR = 14


class Priority(enum.IntEnum):
    """How urgent a floor request is (RFC 8855 §5.2.4, table 3)."""

    LOWEST = 0
    LOW = 1
    NORMAL = 2
    HIGH = 3
    HIGHEST = 4


PRIMITIVE_NAMES: dict[int, str] = {
    one: "".join(word.capitalize() for word in one.name.split("_")) for one in Primitive
}
"""Primitive to its name in the specification, such as `FloorRequestStatusAck`."""

ATTRIBUTE_NAMES: dict[int, str] = {one: one.name.replace("_", "-") for one in Kind}
"""Attribute type to its name in the specification, such as `FLOOR-ID`."""

ERROR_NAMES: dict[int, str] = {
    ErrorCode.CONFERENCE_DOES_NOT_EXIST: "Conference does not exist",
    ErrorCode.USER_DOES_NOT_EXIST: "User does not exist",
    ErrorCode.UNKNOWN_PRIMITIVE: "Unknown primitive",
    ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE: "Unknown mandatory attribute",
    ErrorCode.UNAUTHORIZED_OPERATION: "Unauthorized operation",
    ErrorCode.INVALID_FLOOR_ID: "Invalid floor ID",
    ErrorCode.FLOOR_REQUEST_ID_DOES_NOT_EXIST: "Floor request ID does not exist",
    ErrorCode.TOO_MANY_FLOOR_REQUESTS: "Maximum number of ongoing requests for this floor reached",
    ErrorCode.USE_TLS: "Use TLS",
    ErrorCode.UNABLE_TO_PARSE: "Unable to parse message",
    ErrorCode.USE_DTLS: "Use DTLS",
    ErrorCode.UNSUPPORTED_VERSION: "Unsupported version",
    ErrorCode.INCORRECT_MESSAGE_LENGTH: "Incorrect message length",
    ErrorCode.GENERIC_ERROR: "Generic error",
}
"""Error code to its meaning."""


def primitive_name(code: int) -> str:
    """The name of a primitive; `primitive 40` for one without a specification."""
    return PRIMITIVE_NAMES.get(code, f"primitive {code}")


def attribute_name(kind: int) -> str:
    """The name of an attribute type; `attribute 40` for one without a specification."""
    return ATTRIBUTE_NAMES.get(kind, f"attribute {kind}")


def status_name(code: int) -> str:
    """The name of a request status; `status 9` for one without a specification."""
    return Status(code).name.capitalize() if code in _STATUSES else f"status {code}"


def priority_of(code: int) -> Priority:
    """The priority that 3 bits stand for: 5 to 7 are read as the highest (RFC 8855 §5.2.4)."""
    return Priority(min(code, Priority.HIGHEST))


_STATUSES = frozenset(int(one) for one in Status)
