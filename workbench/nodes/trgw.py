"""A TrGW: the media gateway at the border between two operators' networks, told over Ix what to do (TS 29.162).

The gateway is the same as an IMS-AGW; its profile (`nodes/gateway/profiles/ix.toml`) is what it knows: TCP and UDP, and
nothing of TLS, of UEs or of latching.
"""

from __future__ import annotations

from workbench.nodes.ims_agw import ImsAgw


class TrGw(ImsAgw):
    """A TrGW; arguments as of `ImsAgw`, realms `core` and `border`."""

    interface = "ix"
