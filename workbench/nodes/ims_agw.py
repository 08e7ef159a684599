"""An IMS-AGW: the media gateway between access and core, told over Iq what to do (TS 23.334, TS 29.334).

The gateway itself is `nodes.gateway`; here stands what makes it an IMS-AGW: profile, packages and bearer types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.net.values import Endpoint
from workbench.nodes.gateway import profiles
from workbench.nodes.gateway.core import Gateway
from workbench.nodes.gateway.link import Transport
from workbench.nodes.gateway.settings import Interlinkage, Limits, Merge, Policy, Profile, Stateless
from workbench.protocols.h248.coding import Codec, Coding
from workbench.protocols.h248.packages import Registry
from workbench.security.identities import Identity
from workbench.security.source import Source

__all__ = ["ImsAgw", "Interlinkage", "Merge", "Stateless", "iq_profile"]


def iq_profile(registry: Registry, name: str | None = None, override: Path | None = None) -> Profile:
    """What an IMS-AGW knows (`gateway/profiles/iq.toml`).

    Args:
        registry: names of packages' items.
        name: the profile's name and version (`name/1`); the registry's by default.
        override: a file of the user's that is laid over it.
    """
    return profiles.load("iq", registry, override, name)


class ImsAgw(Gateway):
    """An IMS-AGW. A kind of gateway beside it says its `interface`: the name of its profile.

    Args:
        name: of the node.
        control: its H.248 endpoint.
        controller: its IMS-ALG's, or several in the order in which they are tried; one at a time is obeyed.
        addresses: realm, or the first label of its name (`access` for `access.example.net`), to the address there,
            or to several.
        source: where random times come from, and its key if no `identity` is given.
        identity: certificate and key for TLS, one for all terminations.
        tls_versions: `1.2`, `1.3` or both.
        verify_fingerprints: False accepts any certificate; for showing what then goes wrong.
        interlinkage: when outgoing connections are opened; `EAGER` likewise.
        stateless: how a stream without roles is carried; see `Stateless`.
        merge: how two connections that came in are joined; see `Merge`.
        wires: its media addresses, and which wire each is on, where the network has packets. Without it relay and
            translation are emulated by a proxy, and a note says so.
        close_tls: close_notify before FIN; False likewise.
        renews_tls: an establish signal for TLS begins a new session although one is up; True likewise.
        overlaps: a DTLS association that is replaced serves until the new one does; False likewise.
        release_linked: the end at one endpoint releases the other; False likewise.
        takes_clear: what is no TLS is taken for payload where TLS should begin; True likewise.
        tampers_after: it changes an octet once so many have come in at an endpoint; likewise.
        presents: what its TLS shows, where that is not the certificate it tells of; likewise.
        hold_incoming: an incoming connection is answered when the outgoing one is up (delayed establishment, second
            reading); where the network answers a SYN by itself (sockets), it is read only then, which is an emulation.
        log_keys: TLS keys go to the capture.
        tcp_guard, tls_guard, drain, linger: seconds; see `Policy`.
        held: octets of payload that may wait for the other endpoint; see `Policy`.
        splices, relays, converts: the network copies plain payload, or relayed packets, or changes and passes on
            datagrams, by itself; for networks whose capabilities say so.
        limits: see `Limits`.
        ports: first and last local port for media at each address.
        port_step: distance of the ports that are given.
        profile: `name/version` for ServiceChange; the registry's by default.
        profile_file: laid over `gateway/profiles/iq.toml`: packages, events, signals, transports, limits.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: of H.248: `udp`, or `tcp`: the gateway opens the connection.
        version: newest protocol version; with 3, long replies are sent in segments.
        waiting_delay: maximum waiting delay before the first registration (restart avalanche), in seconds.
        first_id: id of the first request; after a restart within LONG-TIMER it has to be another one.
        epoch: Unix seconds at which `now` is 0, for time stamps.
        registry: names of packages' items; the built-in one by default.
    """

    interface = "iq"

    def __init__(
        self,
        name: str,
        *,
        control: Endpoint,
        controller: Endpoint | Sequence[Endpoint],
        addresses: Mapping[str, str | Sequence[str]],
        source: Source,
        identity: Identity | None = None,
        tls_versions: tuple[str, ...] = ("1.2", "1.3"),
        verify_fingerprints: bool = True,
        interlinkage: Interlinkage = Interlinkage.ON_OFFER,
        stateless: Stateless = Stateless.RELAY,
        merge: Merge = Merge.PROXY,
        wires: Mapping[str, str] | None = None,
        close_tls: bool = True,
        renews_tls: bool = False,
        overlaps: bool = True,
        release_linked: bool = True,
        takes_clear: bool = False,
        tampers_after: int = 0,
        presents: Identity | None = None,
        hold_incoming: bool = False,
        log_keys: bool = False,
        tcp_guard: float = 30.0,
        tls_guard: float = 10.0,
        drain: float = 60.0,
        linger: float = 5.0,
        held: int = 65_536,
        splices: bool = False,
        relays: bool = False,
        converts: bool = False,
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
        super().__init__(
            name,
            profile=profiles.load(self.interface, names, profile_file, profile),
            control=control,
            controller=controller,
            addresses=addresses,
            identity=identity or Identity.self_signed(name, source),
            registry=names,
            policy=Policy(
                verify_fingerprints=verify_fingerprints, interlinkage=interlinkage, hold_incoming=hold_incoming,
                stateless=Stateless(stateless), merge=Merge(merge), wires=wires or {},
                close_tls=close_tls, renews_tls=renews_tls, overlaps=overlaps,
                release_linked=release_linked, takes_clear=takes_clear, tampers_after=tampers_after,
                presents=presents, tls_versions=tls_versions,
                log_keys=log_keys, tcp_guard=tcp_guard, tls_guard=tls_guard, drain=drain, linger=linger, held=held,
                splices=splices, relays=relays, converts=converts),
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
        )
