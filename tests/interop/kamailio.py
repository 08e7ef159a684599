"""kamailio as an MSRP end, as an MSRP relay, and as a SIP proxy."""

from __future__ import annotations

from pathlib import Path

from interop.agw_stage import CORE
from interop.children import Child, Children
from programs import need

_HERE = Path(__file__).parent


def kamailio(programs: Children) -> Child:
    """kamailio, which answers MSRP at the core port."""
    child = _started(programs, "kamailio_msrp.cfg", PORT=CORE)
    child.listens(programs.address, CORE)
    return child


def relay(programs: Children, port: int) -> Child:
    """kamailio, which takes MSRP clients at a port and sends on what they say, and what is said to them."""
    child = _started(programs, "kamailio_msrp_relay.cfg", PORT=port)
    child.listens(programs.address, port)
    return child


def proxy(programs: Children, port: int, onwards: int) -> Child:
    """kamailio, which takes calls at one port and sends them to another, and stays in their path."""
    child = _started(programs, "kamailio_proxy.cfg", PORT=port, NEXT=onwards)
    child.receives(programs.address, port)
    return child


def _started(programs: Children, name: str, **ports: int) -> Child:
    text = (_HERE / name).read_text().replace("ADDRESS", programs.address)
    for word, port in ports.items():
        text = text.replace(word, str(port))
    conf = programs.folder / name
    conf.write_text(text)
    return programs.start(
        need("kamailio"), "-DD", "-E", "-m", "16", "-M", "4", "-w", programs.folder, "-Y", programs.folder,
        "-P", programs.folder / f"{name}.pid", "-f", conf)
