"""A UE: SIP over UDP, SDP with or without e2ae security, and MSRP or BFCP."""

from __future__ import annotations

from workbench.nodes.ue.node import SIP_PORT, UserEquipment
from workbench.nodes.ue.phone import PATIENCE_SECONDS

__all__ = ["PATIENCE_SECONDS", "SIP_PORT", "UserEquipment"]
