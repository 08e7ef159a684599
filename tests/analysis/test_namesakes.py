"""Sessions of two captures: each is held against the one that it is, whatever its number."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from capturing import edited

from workbench.analysis import namesakes as sessions
from workbench.analysis.aligning import RIGHT, compare
from workbench.analysis.analyzing import analyze
from workbench.analysis.namesakes import namesakes
from workbench.analysis.pcapng import Packet, Reader
from workbench.analysis.steps import Step, Track

CAPTURES = Path(__file__).parents[2] / "captures"


def call(session: str, *told: str, source: str = "UE A") -> Track:
    return Track(session, "Core", "SIP", source, "IMS-ALG",
                 [Step(one, one, (), at, float(at)) for at, one in enumerate(told, 1)])


def test_one_more_call_before() -> None:
    """The same words win over the same number."""
    assert namesakes([call("call-1", "INVITE b")], [call("call-1", "INVITE c"), call("call-2", "INVITE b")]) == {
        "": "", "call-2": "call-1"}


def test_same_nodes_then_same_kind() -> None:
    """A call that went otherwise is still the one between the same nodes, or the only one of its kind."""
    left = [call("call-1", "INVITE b"), call("registration-1", "REGISTER")]
    right = [call("call-1", "INVITE x", source="UE X"), call("call-2", "INVITE c"),
             call("registration-7", "REGISTER twice", source="UE Y")]
    assert namesakes(left, right) == {"": "", "call-2": "call-1", "registration-7": "registration-1"}


def test_of_very_many_the_later_ones_go_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work and memory have a limit."""
    monkeypatch.setattr(sessions, "_MOST_SESSIONS", 1)
    left, right = ([call("call-1", "a"), call("call-2", word), call("call-3", "b")] for word in ("b", "c"))
    assert namesakes(left, right) == {"": "", "call-1": "call-1", "call-2": "call-2", "call-3": "call-3"}


def test_a_call_before_disturbs_no_track(tmp_path: Path) -> None:
    """Another call in front: the call of both captures has no difference, the other one is new.

    Both share the control association.
    """
    source, other = (CAPTURES / f"{name}.pcapng" for name in ("msrp-aware-plain", "e2ae-msrp-terminating"))
    with Reader(other) as reader:
        before = list(reader)

    def later(packet: Packet) -> Packet:
        return msgspec.structs.replace(packet, time_ns=packet.time_ns + 3_600 * 10**9)

    mixed = edited(source, tmp_path / "mixed.pcapng", lambda packets: [*before, *map(later, packets)])
    pairs = [pair for pair in compare(analyze(source), analyze(mixed)).pairs if pair.differences]
    assert len(pairs) > 10 and {row.kind for pair in pairs for row in pair.differences} == {RIGHT}
    assert [pair.name for pair in pairs if pair.left is not None] == [
        "control-1, Iq: IMS-AGW to IMS-ALG, H.248", "control-1, Iq: IMS-ALG to IMS-AGW, H.248"]
