"""An MRFP: the media node of a conference, told over Mp what to do (TS 23.333)."""

from workbench.nodes.mrfp.chat import Bounds
from workbench.nodes.mrfp.floors import Rules
from workbench.nodes.mrfp.node import REALM, Mrfp, mp_profile

__all__ = ["REALM", "Bounds", "Mrfp", "Rules", "mp_profile"]
