"""What this machine can do for the workbench, what is missing, and the command that changes it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

_SECONDS = 10.0  # an outside program that has not told its version by then is taken for broken


class Check(msgspec.Struct, frozen=True):
    """One thing that a machine has or lacks.

    Args:
        name: what was looked for.
        here: whether it was found and works.
        required: without it the workbench runs no scenario; everything else only adds to it.
        purpose: what it is for.
        found: version, path or the reason why not.
        remedy: the command that brings it here; empty if it is here, or if nothing does.
    """

    name: str
    here: bool
    required: bool
    purpose: str
    found: str
    remedy: str = ""


def examine() -> list[Check]:
    """Look at everything once; takes about a second, changes nothing, and needs no privilege."""
    return [
        _python(),
        _library("cryptography", "OpenSSL", "certificates, TLS", required=True),
        _virtual(),
        _tun(),
        _packets(),
        _kernel(),
        _program("tshark", ["--version"], "second opinion on captures", "tshark"),
        _program("nft", ["--version"], "relays below a gateway and Linux's own NAT on the kernel network", "nftables"),
        _megaco(),
        _library("polars", "polars", "data frames", extra="analysis"),
        _library("scapy", "scapy", "crafted packets", extra="analysis"),
        _library("pillow", "PIL", "pictures of fax pages", extra="notebook"),
        _library("plotly", "plotly", "timelines in notebooks", extra="notebook"),
        _library("anywidget", "anywidget", "clickable ladders in notebooks", extra="notebook"),
        _library("jupyterlab", "jupyterlab", "the notebooks", extra="notebook"),
        _program("chromium", ["--version"], "the tests that open JupyterLab", "chromium"),
    ]


def clean() -> list[str]:
    """End what killed runs left on this machine; what that was, in words."""
    from workbench.net.kernel.leftovers import clean as end_keepers

    return [f"namespaces of {keeper.owner} (process {keeper.process})" for keeper in end_keepers()]


def _python() -> Check:
    enough = sys.version_info >= (3, 11)
    return Check(
        "python", enough, True, "everything", f"{platform.python_version()} ({sys.executable})",
        "" if enough else "install Python 3.11 or later")


def _library(distribution: str, module: str, purpose: str, *, required: bool = False, extra: str = "") -> Check:
    here = importlib.util.find_spec(module) is not None
    found = "not installed"
    if here:
        try:
            found = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found = "of unknown version"
    target = "make test" if extra else "make run"
    package = f'workbench[{extra}]' if extra else "workbench"
    remedy = "" if here else f'{target} (in the repository), or pip install "{package}"'
    return Check(distribution, here, required, purpose, found, remedy)


def _virtual() -> Check:
    here = importlib.util.find_spec("workbench.net.virtual") is not None
    return Check(
        "network virtual", here, True, "scenarios in virtual time, without privilege",
        "always here" if here else "this installation is not complete", "" if here else "install the workbench again")


def _tun() -> Check:
    purpose = "workbench nat, and holding the virtual network's TCP against this kernel's"
    device = Path("/dev/net/tun")
    if not sys.platform.startswith("linux"):
        return Check("TUN device", False, False, purpose, "Linux only")
    if not device.exists():
        return Check("TUN device", False, False, purpose, f"no {device}", "modprobe tun (as root)")
    if not os.access(device, os.R_OK | os.W_OK):
        return Check("TUN device", False, False, purpose, f"{device} is not open to you", "run as root")
    return Check("TUN device", True, False, purpose, str(device))


def _packets() -> Check:
    from workbench.net.listening import possible

    purpose = "real packets in captures of nodes alone; without it they are rebuilt"
    reason = possible()
    remedy = "run as root, or with CAP_NET_RAW" if "CAP_NET_RAW" in reason else ""
    return Check("packet sockets", not reason, False, purpose, reason or "open to you", remedy)


def _kernel() -> Check:
    from workbench.net.kernel.leftovers import keepers
    from workbench.net.kernel.namespaces import why_not

    purpose = "the same scenarios on this kernel's own TCP/IP"
    reason = why_not()
    if reason:
        remedy = "run as root, or sysctl kernel.unprivileged_userns_clone=1" if "namespace" in reason else ""
        return Check("network kernel", False, False, purpose, reason, remedy)
    left = sum(keeper.is_left for keeper in keepers())
    found = "as root" if _is_root() else "through user namespaces"
    if left:
        found += f"; {left} left by killed runs: workbench doctor --clean"
    return Check("network kernel", True, False, purpose, found)


def _megaco() -> Check:
    erl = shutil.which("erl")
    purpose = "an H.248 codec not written here, which tests compare with"
    install = "apt-get install erlang-base erlang-megaco erlang-examples"
    if erl is None:
        return Check("erlang megaco", False, False, purpose, "no erl on the path", install)
    asked = [erl, "-noshell", "-eval", 'io:format("~s", [code:lib_dir(megaco)]), halt().']
    folder = _say(asked)
    if not folder or not Path(folder).is_dir():
        return Check("erlang megaco", False, False, purpose, "erl is here, megaco is not", install)
    return Check("erlang megaco", True, False, purpose, Path(folder).name)


def _program(name: str, arguments: list[str], purpose: str, package: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name, False, False, purpose, "not on the path", f"apt-get install {package}")
    said = _say([path, *arguments])
    if said is None:
        return Check(name, False, False, purpose, f"{path} does not start", f"apt-get install --reinstall {package}")
    return Check(name, True, False, purpose, (said.splitlines() or [path])[0].strip())


def _say(command: list[str]) -> str | None:
    """What a program prints; None if it does not start, fails, or takes too long."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_SECONDS,
            check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
