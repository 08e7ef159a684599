"""A fax of the catalogue with another page, another correction and a wire that loses: what a learner turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import structs

from workbench.lab.scenario import Scenario
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.protocols.t38 import recorded
from workbench.scenarios import fax_edge

if TYPE_CHECKING:
    from workbench.lab.run import Run

Correction = Literal["none", "redundancy", "fec"]
_CALL, _FAX, _HANG_UP = 1.0, 15.0, 60.0     # the handshake has time to come through a bad wire


def with_page(
    scenario: Scenario, page: str = "one_page_v29", correction: Correction = "redundancy", depth: int = 2, *,
    caller: Literal["UE A", "Peer B"] = "UE A",
) -> Scenario:
    """A fax scenario whose terminals send this page, with this against loss, soon after the call.

    Args:
        scenario: of the catalogue, such as `t38-dtls-originating`.
        page: which recording; see `protocols.t38.recorded`.
        correction, depth: as in `FaxTerminal`.
        caller: who sends the page.
    """
    terminal = FaxTerminal(correction, depth, recorded.load(page).version)
    both = {fax_edge.A: {"fax": terminal}, fax_edge.PEER: {"fax": terminal}}
    return structs.replace(
        scenario, topology=scenario.topology.changed(both),
        knobs={name: knob for name, knob in scenario.knobs.items() if name != "recovery"},
        script=fax_edge.fax_script(caller, call=_CALL, fax=_FAX, hang_up=_HANG_UP, page=page))


def send_page(
    scenario: Scenario, page: str = "one_page_v29", correction: Correction = "redundancy", depth: int = 2, *,
    loss: float = 0.0, seed: int = 7,
) -> Run:
    """Run it, with that share of packets lost on the access wire, in both directions."""
    return with_page(scenario, page, correction, depth).run(seed=seed, impair={fax_edge.ACCESS: {"loss": loss}})
