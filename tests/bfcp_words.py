"""BFCP messages in words: as the libre driver speaks them, and as the JSON of the stored vectors."""

from __future__ import annotations

from typing import Any

from workbench.protocols.bfcp.messages import Attribute, Failure, Group, Message, RequestStatus
from workbench.protocols.bfcp.registry import ATTRIBUTE_NAMES, PRIMITIVE_NAMES, Kind

TEXTS = {Kind.ERROR_INFO, Kind.PARTICIPANT_PROVIDED_INFO, Kind.STATUS_INFO, Kind.USER_DISPLAY_NAME, Kind.USER_URI}
LISTS = {Kind.SUPPORTED_ATTRIBUTES, Kind.SUPPORTED_PRIMITIVES}


def to_words(message: Message) -> str:
    """A message as the driver reads and writes it (tests/interop/bfcp_libre.c)."""
    head = (message.version, int(message.responder), message.primitive, message.conference, message.transaction,
            message.user)
    return " ".join((*map(str, head), *_list(message.attributes)))


def _list(attributes: tuple[Attribute, ...]) -> list[str]:
    words = [str(len(attributes))]
    for one in attributes:
        words += [str(int(one.kind)), str(int(one.mandatory))]
        match one.value:
            case Group(number, inner):
                words += [str(number), *_list(inner)]
            case RequestStatus(status, position):
                words.append(f"{int(status)}:{position}")
            case Failure(code, details):
                words.append(f"{int(code)}:{details.hex()}")
            case tuple(codes):
                words.append(",".join(map(str, codes)))
            case str(text):
                words.append(f"t{text.encode().hex()}")
            case value:
                words.append(str(value))
    return words


def from_words(said: str) -> dict[str, Any]:
    """What the driver wrote, as JSON with the specification's names. Made without our codec."""
    words = said.split()
    head, rest = words[:6], words[6:]
    attributes = _attributes(rest)
    version, responder, primitive, conference, transaction, user = map(int, head)
    return {
        "version": version, "responder": bool(responder), "primitive": PRIMITIVE_NAMES[primitive],
        "conference": conference, "transaction": transaction, "user": user, "attributes": attributes,
    }


def _attributes(words: list[str]) -> list[dict[str, Any]]:
    found = []
    for _ in range(int(words.pop(0))):
        kind, mandatory, value = int(words.pop(0)), words.pop(0) == "1", words.pop(0)
        said: Any = value
        if kind in TEXTS:
            said = bytes.fromhex(value[1:]).decode()
        elif kind == Kind.REQUEST_STATUS:
            said = dict(zip(("status", "position"), map(int, value.split(":")), strict=True))
        elif kind == Kind.ERROR_CODE:
            code, details = value.split(":")
            said = {"code": int(code), "details": details}
        elif kind in LISTS:
            said = [int(code) for code in value.split(",")]
        elif kind >= Kind.BENEFICIARY_INFORMATION:
            said = {"number": int(value), "attributes": _attributes(words)}
        else:
            said = int(value)
        found.append({"type": ATTRIBUTE_NAMES[kind], "mandatory": mandatory, "value": said})
    return found


def to_json(message: Message) -> dict[str, Any]:
    """Our own reading of a message, in the form of `from_words`."""
    return from_words(to_words(message))
