"""The commands of `workbench` that are a node on this host, from `agw` to `kms`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.lab.visible import visible

if TYPE_CHECKING:
    from workbench.lab.watching import Options

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="Its settings, in TOML.", show_default=False)]
Every = Annotated[bool, typer.Option("--all", help="Show everything it hears and orders, not only remarks.")]
LogFile = Annotated[str, typer.Option("--log", metavar="FILE|-", show_default=False, help=(
    "Write JSON lines to FILE, or to standard output (which then has nothing else)."))]
Capture = Annotated[Path | None, typer.Option("--capture", metavar="FILE", help="Write its packets, as pcapng.")]
Size = Annotated[int, typer.Option(
    "--capture-size", min=1, max=1 << 20, metavar="MB", help="Megabytes that the capture may have.")]
Metrics = Annotated[str, typer.Option("--metrics", metavar="PLACE", show_default=False, help=(
    "Serve figures for Prometheus at PORT (on 127.0.0.1), ADDRESS:PORT, or the path of a Unix socket."))]
KeyLog = Annotated[bool, typer.Option("--keylog", help="Put TLS secrets into the capture, to decrypt it with.")]


def agw(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    keylog: KeyLog = False, metrics: Metrics = "",
) -> None:
    """An IMS-AGW on this host, until Ctrl-C: H.248 with one controller, connections on its own addresses.

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.agw import agw, plan, probes

    role = Role(lambda source, epoch, splices, keys: agw(config, source, epoch, splices=splices, log_keys=keys),
                lambda: plan(config), probes=lambda: probes(config))
    serve(role, _options(every, log, capture, size, keylog, metrics))


def trgw(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    metrics: Metrics = "",
) -> None:
    """A TrGW on this host, until Ctrl-C: H.248 with one IBCF (Ix), connections between two networks.

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.agw import TrgwFile, agw, plan, probes

    role = Role(lambda source, epoch, splices, _: agw(config, source, epoch, splices=splices, form=TrgwFile),
                lambda: plan(config, TrgwFile), probes=lambda: probes(config, TrgwFile))
    serve(role, _options(every, log, capture, size, metrics=metrics))


def mrfp(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    keylog: KeyLog = False, metrics: Metrics = "",
) -> None:
    """An MRFP on this host, until Ctrl-C: H.248 with one MRFC (Mp), messaging conferences that end here.

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.mrfp import mrfp, plan, probes

    role = Role(lambda source, epoch, _, keys: mrfp(config, source, epoch, log_keys=keys),
                lambda: plan(config), probes=lambda: probes(config))
    serve(role, _options(every, log, capture, size, keylog, metrics))


def alg(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    metrics: Metrics = "",
) -> None:
    """An IMS-ALG (P-CSCF) on this host, until Ctrl-C: SIP over UDP on both sides, H.248 with one gateway.

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.alg import alg, plan

    serve(Role(lambda source, epoch, *_: alg(config, source, epoch), lambda: plan(config)),
          _options(every, log, capture, size, metrics=metrics))


def ibcf(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    metrics: Metrics = "",
) -> None:
    """An IBCF on this host, until Ctrl-C: SIP over UDP with two networks, H.248 with one TrGW (Ix).

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.ibcf import ibcf, plan

    serve(Role(lambda source, epoch, *_: ibcf(config, source, epoch), lambda: plan(config)),
          _options(every, log, capture, size, metrics=metrics))


def mrfc(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    metrics: Metrics = "",
) -> None:
    """An MRFC on this host, until Ctrl-C: conferences that are called, or call, over SIP; H.248 with one MRFP (Mp).

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.mrfc import mrfc, plan, script

    serve(Role(lambda source, epoch, *_: mrfc(config, source, epoch), lambda: plan(config)),
          _options(every, log, capture, size, metrics=metrics), script(config))


def ue(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    keylog: KeyLog = False, metrics: Metrics = "",
) -> None:
    """A UE on this host: does what the script in FILE says, or what is typed, and takes calls by itself.

    Typed commands: register, call URI, text WORDS, file OCTETS, hold, resume, hangup, quit. Exit status 1 says that
    something did not come about.
    """
    from workbench.lab.serving import Role, phone
    from workbench.lab.settings.ue import plan, script, ue

    told = script(config)
    role = Role(lambda source, epoch, *_: ue(config, source, epoch), lambda: plan(config))
    failed = phone(role, _options(every, log, capture, size, keylog, metrics), told, None if told else sys.stdin)
    for what in failed:
        print(f"workbench: {visible(what)}", file=sys.stderr)  # noqa: T201 - this is the command line
    raise typer.Exit(1 if failed else 0)


def nat(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    metrics: Metrics = "",
) -> None:
    """A NAT on this host (Linux, root), until Ctrl-C: between the hosts of a prefix and everything else.

    It has a TUN device of its own, to which the system routes; this host has to forward packets.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.nat import device, nat, plan
    from workbench.net.tun import TunNetwork

    told = device(config)
    role = Role(lambda source, epoch, *_: nat(config, source, epoch), lambda: plan(config),
                lambda name: TunNetwork(name, told))
    serve(role, _options(every, log, capture, size, metrics=metrics))


def kms(
    config: Config, every: Every = False, log: LogFile = "", capture: Capture = None, size: Size = 1000,
    metrics: Metrics = "",
) -> None:
    """A KMS on this host, until Ctrl-C: tickets of MIKEY-TICKET over HTTP, for the users whose keys stand in FILE.

    Without a word about it in FILE it is on loopback.
    """
    from workbench.lab.serving import Role, serve
    from workbench.lab.settings.kms import kms, plan

    serve(Role(lambda source, epoch, *_: kms(config, source, epoch), lambda: plan(config)),
          _options(every, log, capture, size, metrics=metrics))


def _options(
    every: bool, log: str, capture: Path | None, size: int, keylog: bool = False, metrics: str = "",
) -> Options:
    from workbench.lab.watching import Options

    return Options(every, log, capture, size * 1_000_000, keylog, metrics)
