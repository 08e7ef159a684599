"""How a call of a UE ends: our BYE, the peer's, and both at once (RFC 3261 §15)."""

from __future__ import annotations

from workbench.nodes.procedure import Steps
from workbench.nodes.ue.call import Call
from workbench.nodes.ue.phone import Phone


def release(phone: Phone, call: Call) -> Steps:
    """BYE first; the connection is closed when it is answered. A BYE that crosses ours still finds its dialog."""
    if call.released or call.dialog is None:
        return
    call.released = True
    yield from phone.tell()
    call.dialog, bye = call.dialog.request("BYE")
    yield from phone.ask(bye, "the call is released: BYE [RFC 3261 §15]")
    call.dialog = None
    yield from phone.close(call)


def released(phone: Phone, call: Call) -> Steps:
    """The peer's BYE. If ours is on its way too, our own procedure closes the connection."""
    if call.released:
        return
    call.released = True
    call.dialog = None
    yield from phone.close(call)
