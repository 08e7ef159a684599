"""What the parts of an IMS-ALG have in common."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.net.values import Endpoint
from workbench.nodes.ims_alg.calls import Calls, Registration, Rejected
from workbench.nodes.ims_alg.orders import Orders
from workbench.nodes.ims_alg.settings import Settings
from workbench.nodes.ims_alg.signalling import Signalling
from workbench.nodes.procedure import Procedures
from workbench.protocols import sip
from workbench.security.source import Source


class Edge:
    """One edge of the IMS: who is registered, which calls run, and the ways to peers and to the gateway."""

    def __init__(
        self, settings: Settings, source: Source, procedures: Procedures, calls: Calls, signalling: Signalling,
        orders: Orders, routes: Mapping[str, Endpoint],
    ) -> None:
        self.settings = settings
        self.source = source
        self.procedures = procedures
        self.calls = calls
        self.sip = signalling
        self.iq = orders
        self.registrations: dict[str, Registration] = {}
        self._routes = dict(routes)

    def route(self, uri: str) -> sip.Address:
        """The next hop towards a URI beyond the core. Raises Rejected."""
        domain = sip.host_of(uri)
        if domain not in self._routes:
            raise Rejected(404, f"no route to {domain}")
        hop = self._routes[domain]
        return (hop.host, hop.port)
