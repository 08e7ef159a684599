"""What expectations on new offers inside a fax call say of captures: each can hold, fail, and have nothing to judge."""

from __future__ import annotations

from functools import cache
from tempfile import mkdtemp

import msgspec
import pytest

from workbench.analysis.report import Report
from workbench.lab import seen
from workbench.lab.scenario import Weakened
from workbench.scenarios import fax_edge as fax
from workbench.scenarios.t38_dtls_reoffer import scenario

_CONTROLS = {
    "": {},
    "each is new": {"IMS-ALG": {"keeps_tls": False}},
    "dropped": {"IMS-AGW": {"overlaps": False}},
    "in clear": {fax.A: {"media_security": False}},
}
_BEGUN = seen.reoffer(fax.ACCESS)
_MOVES, _SERVES, _ENDS = seen.fax_moves("access"), seen.former_serves("access"), seen.former_ends("access", 15.0)
_ALONE = seen.dtls_left_alone(_BEGUN)


@cache
def report(kind: str, control: str = "") -> Report:
    """The capture of a run with this new offer, perhaps with a control."""
    tried = msgspec.structs.replace(scenario, weakened=(Weakened("control", _CONTROLS[control], ("x",)),))
    return tried.run(seed=1, out=mkdtemp(), weakened="control" if control else None, offer=kind).report


@pytest.mark.parametrize(("fact", "of", "answer"), [
    (seen.tls_id(fax.ACCESS, "peer", "kept"), ("refresh",), True),
    (seen.tls_id(fax.ACCESS, "peer", "kept"), ("tls-id",), False),
    (seen.tls_id(fax.ACCESS, "peer", "new"), ("answered",), True),
    (seen.tls_id(fax.ACCESS, "gateway", "kept"), ("answered",), True),
    (seen.tls_id(fax.ACCESS, "gateway", "new"), ("certificate",), True),
    (seen.tls_id(fax.ACCESS, "gateway", "kept"), ("refresh", "each is new"), False),
    (seen.tls_id(fax.ACCESS, "peer", "kept"), ("refresh", "in clear"), None),
    (_ALONE, ("refresh",), True), (_ALONE, ("hold",), True), (_ALONE, ("moved",), True),
    (_ALONE, ("tls-id",), False), (_ALONE, ("certificate",), False), (_ALONE, ("refresh", "each is new"), False),
    (seen.associations("access", 1), ("moved",), True), (seen.associations("access", 1), ("port",), False),
    (seen.associations("access", 2), ("port",), True), (seen.associations("access", 2), ("tls-id", "dropped"), False),
    (_MOVES, ("tls-id",), True), (_MOVES, ("answered",), True), (_MOVES, ("refresh",), False),
    (_MOVES, ("refresh", "in clear"), None),
    (_SERVES, ("port",), True), (_SERVES, ("tls-id", "dropped"), False), (_SERVES, ("refresh", "in clear"), None),
    (_ENDS, ("port",), True), (_ENDS, ("tls-id", "dropped"), False), (_ENDS, ("refresh", "in clear"), None),
    (seen.former_ends("access", 0.001), ("tls-id",), False),
    (seen.no_handshake_since(_BEGUN, fax.ACCESS), ("swapped",), True),
    (seen.no_handshake_since(_BEGUN, fax.ACCESS), ("port",), False),
], ids=lambda value: getattr(value, "what", None) or str(value))
def test_a_fact_and_its_contrary(fact, of, answer):
    """Each holds in one capture and fails in another; where there is nothing to judge it says nothing."""
    told = fact.check(report(*of))
    assert (None if told is None else told[0]) is answer
    if told is not None:
        assert told[1]
        assert told[0] or told[2]


@pytest.mark.parametrize(("of", "times"), [
    (("refresh",), 0), (("hold",), 0), (("moved",), 0), (("tls-id",), 1), (("answered",), 1),
    (("refresh", "each is new"), 1),
], ids=str)
def test_another_association_ordered(of, times):
    """Once for each exchange that makes one, and else never."""
    assert len(seen.association_ordered(_BEGUN).find(report(*of))) == times
