"""Who and where: message identifiers, addresses, data of manufacturers.

Source: H.248.1 Annex A (Mid, ServiceChangeAddress, NonStandardData).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

import re
from ipaddress import IPv6Address

from workbench.protocols.h248.message import NonStandard
from workbench.protocols.h248.tokens import SAFE

_DOMAIN = re.compile(r"[A-Za-z0-9.\-]{1,253}")
_PATH = re.compile(rf"{SAFE}{{1,64}}")


class Addresses:
    """Addresses as the text encoding writes them."""

    def ip4_address(self, address: bytes, port: int | None) -> str:
        return with_port(f"[{'.'.join(map(str, address))}]", port)

    def ip6_address(self, address: bytes, port: int | None) -> str:
        return with_port(f"[{IPv6Address(address)}]", port)

    def domain_name(self, name: str, port: int | None) -> str:
        if not _DOMAIN.fullmatch(name):
            raise ValueError(f"{name[:32]!r} is no domain name")
        return with_port(f"<{name}>", port)

    def non_standard_data(self, identifier: str, data: bytes) -> NonStandard:
        return NonStandard(identifier, data)

    def h221_non_standard(self, country: int, second: int, extension: int, manufacturer: int) -> str:
        return f"h221:{country}/{second}/{extension}/{manufacturer}"


def device(name: str) -> str:
    """A device name, if it is one."""
    if not _PATH.fullmatch(name):
        raise ValueError(f"{name[:32]!r} is no device name")
    return name


def mtp(octets: bytes) -> str:
    """An MTP address."""
    return f"MTP{{{octets.hex().upper()}}}"


def with_port(address: str, port: int | None) -> str:
    """An address, and its port where it has one."""
    return address if port is None else f"{address}:{port}"
