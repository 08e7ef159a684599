"""The node: the gateway core with the profile of Mp, and a conference that its connections end at.

Source: TS 23.333 §5.20, §6.2.13, §6.2.20; TS 29.333 (not read: see `gateway/profiles/mp.toml`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workbench.net.values import Endpoint
from workbench.nodes.gateway import profiles
from workbench.nodes.gateway.core import Gateway
from workbench.nodes.gateway.link import Transport
from workbench.nodes.gateway.settings import Interlinkage, Limits, Policy, Profile
from workbench.nodes.mrfp.applications import Applications
from workbench.nodes.mrfp.chat import Bounds, Chat
from workbench.nodes.mrfp.floors import Floors, Rules
from workbench.protocols.h248.coding import Codec, Coding
from workbench.protocols.h248.packages import Registry
from workbench.security.identities import Identity
from workbench.security.source import Source

REALM = "media.example.net"
"""The one IP realm of an MRFP, if it is not told another."""


def mp_profile(registry: Registry, name: str | None = None, override: Path | None = None) -> Profile:
    """What an MRFP knows (`gateway/profiles/mp.toml`); arguments as of `ims_agw.iq_profile`."""
    return profiles.load("mp", registry, override, name)


class Mrfp(Gateway):
    """An MRFP for conferences with messages and floors.

    Args:
        name: of the node.
        control: its H.248 endpoint.
        controller: its MRFC's, or several in the order in which they are tried.
        address: its media address, or several.
        realm: the IP realm that they are in.
        source: where random values come from, and its key if no `identity` is given.
        identity: certificate and key, for TLS by certificate.
        tcp_guard, tls_guard: seconds after which a connection, or TLS on it, that should be up is given up.
        bounds: what a participant can make a conference hold.
        distributes: see `Chat`.
        floors: how floors are given.
        listens: connections are let in; False: its ports are closed, for showing what then goes wrong.
        log_keys: TLS keys go to the capture.
        limits, ports, port_step, profile, profile_file, coding, transport, version, waiting_delay, first_id, epoch,
            registry: as for an IMS-AGW.
    """

    def __init__(
        self,
        name: str,
        *,
        control: Endpoint,
        controller: Endpoint | Sequence[Endpoint],
        address: str | Sequence[str],
        source: Source,
        realm: str = REALM,
        identity: Identity | None = None,
        tcp_guard: float = 30.0,
        tls_guard: float = 10.0,
        bounds: Bounds | None = None,
        distributes: bool = True,
        floors: Rules | None = None,
        listens: bool = True,
        log_keys: bool = False,
        limits: Limits | None = None,
        ports: tuple[int, int] = (40_000, 49_998),
        port_step: int = 2,
        profile: str | None = None,
        profile_file: Path | None = None,
        coding: Coding | Codec = "pretty",
        transport: Transport = "udp",
        version: int = 2,
        waiting_delay: float = 0.0,
        first_id: int = 1,
        epoch: float = 0.0,
        registry: Registry | None = None,
    ) -> None:
        names = registry or Registry.load()
        self._hosted = Applications(
            Chat(source.token, bounds or Bounds(), distributes=distributes), Floors(floors or Rules()))
        super().__init__(
            name,
            profile=mp_profile(names, profile, profile_file),
            control=control,
            controller=controller,
            addresses={realm: address},
            identity=identity or Identity.self_signed(name, source),
            registry=names,
            policy=Policy(interlinkage=Interlinkage.ON_SIGNAL, tcp_guard=tcp_guard, tls_guard=tls_guard,
                          log_keys=log_keys, listens=listens),
            limits=limits or Limits(),
            ports=ports,
            port_step=port_step,
            epoch=epoch,
            coding=coding,
            transport=transport,
            version=version,
            waiting_delay=waiting_delay,
            jitter=lambda: source.number(0, 1_000_000) / 1_000_000,
            isn=lambda: source.number(0, (1 << 32) - 1),
            first_id=first_id,
            host=self._hosted,
        )

    def figures(self) -> dict[str, dict[str, float]]:
        """As of any gateway, and how many take part in conferences."""
        return {**super().figures(), "participants": {"": len(self._hosted)}}
