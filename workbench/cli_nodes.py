"""The commands of `workbench` that are a node on this host: `agw`, `alg`, `ue`, `nat`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from workbench.lab.visible import visible

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="Its settings, in TOML.", show_default=False)]
Every = Annotated[bool, typer.Option("--all", help="Show everything it hears and orders, not only remarks.")]


def agw(config: Config, every: Every = False) -> None:
    """An IMS-AGW on this host, until Ctrl-C: H.248 with one controller, connections on its own addresses.

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab import settings
    from workbench.lab.journal import Journal
    from workbench.lab.serving import serve

    serve(partial(settings.agw, config), Journal(every))


def alg(config: Config, every: Every = False) -> None:
    """An IMS-ALG (P-CSCF) on this host, until Ctrl-C: SIP over UDP on both sides, H.248 with one gateway.

    Without a word about it in FILE everything is on loopback.
    """
    from workbench.lab import settings
    from workbench.lab.journal import Journal
    from workbench.lab.serving import serve

    serve(partial(settings.alg, config), Journal(every))


def ue(config: Config, every: Every = False) -> None:
    """A UE on this host: does what the script in FILE says, or what is typed, and takes calls by itself.

    Typed commands: register, call URI, text WORDS, file OCTETS, hold, resume, hangup, quit. Exit status 1 says that
    something did not come about.
    """
    from workbench.lab import settings
    from workbench.lab.journal import Journal
    from workbench.lab.serving import phone
    from workbench.lab.settings.ue import script

    told = script(config)
    failed = phone(partial(settings.ue, config), Journal(every), told, None if told else sys.stdin)
    for what in failed:
        print(f"workbench: {visible(what)}", file=sys.stderr)  # noqa: T201 - this is the command line
    raise typer.Exit(1 if failed else 0)
