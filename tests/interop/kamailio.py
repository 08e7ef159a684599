"""kamailio as an MSRP end."""

from __future__ import annotations

from pathlib import Path

from interop.agw_stage import CORE
from interop.children import Child, Children
from programs import need

CONF = Path(__file__).with_name("kamailio_msrp.cfg")


def kamailio(programs: Children) -> Child:
    """kamailio, which answers MSRP at the core port."""
    conf = programs.folder / "kamailio.cfg"
    conf.write_text(CONF.read_text().replace("ADDRESS", programs.address).replace("PORT", str(CORE)))
    child = programs.start(
        need("kamailio"), "-DD", "-E", "-m", "16", "-M", "4", "-w", programs.folder, "-Y", programs.folder,
        "-P", programs.folder / "kamailio.pid", "-f", conf)
    child.listens(programs.address, CORE)
    return child
