"""An MRFC: conferences that UEs call, and orders for them to an MRFP over Mp (TS 23.333)."""

from workbench.nodes.mrfc.node import Mrfc
from workbench.nodes.mrfc.settings import Settings, StartsTcp

__all__ = ["Mrfc", "Settings", "StartsTcp"]
