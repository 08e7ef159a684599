"""Faxes of one page that were recorded between two real terminals, as IFP packets with their times.

A run plays them where no fax terminal is installed. `tests/record_fax.py` has recorded them.
"""

from __future__ import annotations

from importlib import resources
from typing import Literal

import msgspec

from workbench.errors import LocalProtocolError

NAMES = ("one_page", "one_page_v29", "one_line")
"""`one_page`: V.17 14400 with error correction mode, T.38 version 0; `one_page_v29`: V.29 9600 without, version 3;
`one_line`: as the first, with one line of text on a short page."""


class Packet(msgspec.Struct, frozen=True, array_like=True):
    """An IFP packet of a recorded call.

    Args:
        time: seconds from the start of the call.
        sender: who sent it.
        copies: how often the terminal asked to have it sent at least: indicators are worth more than data.
        hexadecimal: its octets.
    """

    time: float
    sender: Literal["caller", "called"]
    copies: int
    hexadecimal: str

    @property
    def octets(self) -> bytes:
        """The IFP packet."""
        return bytes.fromhex(self.hexadecimal)


class Recording(msgspec.Struct, frozen=True):
    """A recorded call.

    Args:
        origin: who were at the ends.
        version: T38FaxVersion.
        ecm: with error correction mode.
        lines: of the page.
        seconds: how long it took.
        packets: of both directions, in order.
    """

    origin: str
    version: int
    ecm: bool
    lines: int
    seconds: float
    packets: tuple[Packet, ...]

    def of(self, sender: Literal["caller", "called"]) -> tuple[Packet, ...]:
        """What one end sends."""
        return tuple(one for one in self.packets if one.sender == sender)


def load(name: str = "one_page") -> Recording:
    """A recorded call. Raises LocalProtocolError: there is none of that name."""
    if name not in NAMES:
        raise LocalProtocolError(f"no recorded fax {name!r}; there are {', '.join(NAMES)}")
    text = resources.files(__package__).joinpath(f"{name}.json").read_bytes()
    return msgspec.json.decode(text, type=Recording)
