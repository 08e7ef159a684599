"""An MRFC: conferences that UEs call and that call UEs, and orders for them to an MRFP over Mp (TS 23.333)."""

from workbench.nodes.mrfc.keying import Agreed, Configured, KeyManagement
from workbench.nodes.mrfc.node import Mrfc
from workbench.nodes.mrfc.settings import KeysAt, Settings, StartsTcp

__all__ = ["Agreed", "Configured", "KeyManagement", "KeysAt", "Mrfc", "Settings", "StartsTcp"]
