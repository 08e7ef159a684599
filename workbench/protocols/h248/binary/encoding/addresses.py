"""Who and where: message identifiers, addresses, data of manufacturers.

Source: H.248.1 Annex A (Mid, ServiceChangeAddress, NonStandardData).
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.encoding.values import Chosen
from workbench.protocols.h248.tokens import SAFE

_MID = re.compile(
    r"(?:\[([0-9A-Fa-f.:]+)\]|<([A-Za-z0-9.\-]+)>)(?::([0-9]{1,5}))?|"
    rf"MTP\{{((?:[0-9A-Fa-f]{{2}}){{2,4}})\}}|({SAFE}{{1,64}})",
    re.I,
)
_PORT = re.compile(r"[0-9]{1,5}")


def mid_of(text: str) -> Chosen:
    """A message identifier by its text."""
    found = _MID.fullmatch(text)
    if found is None:
        raise LocalProtocolError(f"{text!r} is no message identifier")
    address, domain, port, mtp, device = found.groups()
    number = None if port is None else int(port)
    if domain:
        return 2, (domain, number)
    if mtp:
        return 4, bytes.fromhex(mtp)
    if device:
        return 3, device
    try:
        if ":" in address:
            return 1, (IPv6Address(address).packed, number)
        return 0, (IPv4Address(address).packed, number)
    except AddressValueError as wrong:
        raise LocalProtocolError(f"{text!r} is no message identifier: {wrong}") from None


def address_of(text: str) -> Chosen:
    """A ServiceChangeAddress: a port alone, or a message identifier."""
    if _PORT.fullmatch(text):
        return 0, int(text)
    number, value = mid_of(text)
    return number + 1, value


def identifier_of(identifier: str) -> Chosen:
    """Which form the identifier of a manufacturer's data has."""
    if identifier.startswith("h221:"):
        numbers = identifier.removeprefix("h221:").split("/")
        if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
            raise LocalProtocolError(f"{identifier!r} is not h221: and four numbers with slashes")
        return 1, tuple(map(int, numbers))
    return (0 if identifier[:1].isdigit() else 2), identifier
