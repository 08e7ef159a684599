"""Every octet of every frame of the e2ae scenarios is explained: header, message, record, plaintext, body."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from workbench import scenarios
from workbench.analysis.explain import coverage, explain_frame, explain_message
from workbench.analysis.report import Report
from workbench.protocols.layout import uncovered

IDS = tuple(scenario.id for scenario in scenarios.all() if scenario.family.startswith("e2ae "))
SETTINGS: tuple[dict[str, str], ...] = ({}, {"tls": "1.2"}, {"tokens": "short"}, {"bearer": "msrp"}, {"nat": "behind"},
                                         {"recovery": "fec"}, {"setup": "passive"}, {"ip": "6"})
CASES = [(id, knobs) for id in IDS for knobs in SETTINGS if set(knobs) <= set(scenarios.get(id).knobs)]
FAULTS = [(scenario.id, name, value) for scenario in scenarios.all() if scenario.family.startswith("e2ae ")
          for name in ("fault", "fails", "wrong") if name in scenario.knobs for value in scenario.knobs[name].allowed
          # There is nothing to explain in garbage.
          if value not in (scenario.knobs[name].default, "garbage")]


@cache
def report(id: str, *knobs: tuple[str, str]) -> Report:
    """The report of one run with seed 1."""
    run: Any = scenarios.get(id).run(seed=1, **dict(knobs))
    found: Report = run.report
    return found


@pytest.mark.parametrize(("id", "knobs"), CASES, ids=lambda value: value if isinstance(value, str) else ",".join(
    f"{name}={one}" for name, one in value.items()) or "plain")
def test_every_octet_is_explained(id: str, knobs: dict[str, str]) -> None:
    """Each frame, and all that stands behind it, has a meaning of its own for each octet."""
    shown = report(id, *knobs.items())
    missing: Counter[str] = Counter()
    for number in range(1, shown.packets + 1):
        for start, end, name in coverage(explain_frame(shown, number)).unexplained:
            missing[f"frame {number}: {name}"] += end - start
    assert dict(missing) == {}


@pytest.mark.parametrize(("id", "knob", "value"), FAULTS, ids=lambda value: value)
def test_every_octet_of_a_failure_is_explained(id: str, knob: str, value: str) -> None:
    """What goes wrong on the wire is explained as what goes right is."""
    test_every_octet_is_explained(id, {knob: value})


@pytest.mark.parametrize("id", IDS)
def test_fields_lie_without_gaps(id: str) -> None:
    """Fields cover frame and layers in order, at every level: no octet twice, none left out."""
    shown = report(id)
    for number in range(1, shown.packets + 1):
        explained = explain_frame(shown, number)
        assert uncovered(list(explained.fields), 0, len(explained.octets)) == []  # type: ignore[arg-type]
        for layer in explained.layers:
            assert uncovered(list(layer.fields), 0, len(layer.octets)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("id", IDS)
def test_every_message_is_explained(id: str) -> None:
    """What a click on the ladder shows is complete too."""
    shown = report(id)
    for message in shown.messages:
        layer = explain_message(shown, message)
        assert layer.octets and coverage(layer).complete, message.summary


@pytest.mark.parametrize("id", IDS)
def test_a_meaning_has_its_clause(id: str) -> None:
    """Each field of each frame has a label, a meaning and the clause where that stands."""
    shown = report(id)
    for number in range(1, shown.packets + 1):
        explained = explain_frame(shown, number)
        for field in [*explained.leaves(), *(leaf for layer in explained.layers for leaf in layer.leaves())]:
            assert field.label and field.meaning and field.clause, field.name


def test_sdp_is_explained_inside_sip_and_inside_h248() -> None:
    """The SDP of an INVITE and that of a Local descriptor have their lines explained where they stand."""
    shown = report(IDS[0])
    invite = next(m for m in shown.messages if m.summary.startswith("INVITE"))
    add = next(m for m in shown.messages if m.summary.startswith("Add ip/1/access"))
    for message, body in ((invite, "sip.body"), (add, "h248.sdp")):
        held = next(field for field in _all(explain_frame(shown, message.frames[0]).fields) if field.name == body)
        assert any(leaf.name.startswith("sdp.") for leaf in held.leaves())


def test_the_plaintext_of_a_protected_record_stands_behind_its_frame() -> None:
    """A frame with MSRP inside TLS shows ciphertext, and behind it the MSRP message and its true content type."""
    shown = report(IDS[0])
    send = next(m for m in shown.messages if m.protocol == "MSRP" and m.protected and "46 octets" in m.summary)
    explained = explain_frame(shown, send.frames[-1])
    assert any(leaf.name.startswith("tls.") for leaf in explained.leaves())
    layer = next(layer for layer in explained.layers if layer.protocol == "MSRP")
    assert layer.protected
    assert b"Conference floor opens at 10:00" in layer.octets
    assert list(layer.leaves())[-1].name == "explain.inner_type"


def test_a_message_of_several_segments_is_shown_whole() -> None:
    """Where a message needs several frames, each frame shows its part and the whole message stands behind it."""
    shown = report(IDS[0])
    several = [m for m in shown.messages if len(m.frames) > 1 and m.octets]
    for message in several:
        for number in message.frames:
            explained = explain_frame(shown, number)
            assert any(layer.message == message.index and layer.octets == message.octets for layer in explained.layers)


def test_no_secret_is_shown() -> None:
    """Explaining a handshake never shows a secret of the key log."""
    from workbench.analysis.pcapng import scan

    shown = report(IDS[0])
    secrets = [line.split()[2].lower() for line in scan(shown.capture)[1].splitlines() if line and line[0] != "#"]
    said = " ".join(
        leaf.value for number in range(1, shown.packets + 1) for leaf in explain_frame(shown, number).leaves())
    assert secrets and not any(secret in said.replace(" ", "").lower() for secret in secrets)


def _all(fields: Any) -> Any:
    for field in fields:
        yield field
        yield from _all(field.children)
