"""An IBCF: the B2BUA at the border between two operators' networks, and controller of a TrGW over Ix (TS 29.162).

It is the IMS-ALG's machine without an access: both sides are networks, a call goes on by the domain of its Request-URI,
and what the two networks say of security passes untouched. End-to-end TLS is plain TCP for its gateway, as on Iq.

Source: TS 29.162 (CR 0132: as TS 23.334 §6.2.10A), which was not read; provisional.
"""

from __future__ import annotations

from typing import Any

from workbench.nodes.ims_alg import ImsAlg


class Ibcf(ImsAlg):
    """An IBCF; arguments as of `ImsAlg`: `access` is its endpoint in its own network, `core` that towards the other."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name, border=True, **settings)
