"""The virtual network: hosts with a real stack on wires that delay, lose, reorder and duplicate, in virtual time."""

from __future__ import annotations

from workbench.net.virtual.network import VirtualNetwork
from workbench.net.virtual.settings import Settings

__all__ = ["Settings", "VirtualNetwork"]
