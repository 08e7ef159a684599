"""Timestamps of MIKEY: which second they mean, before and after February 2036."""

from __future__ import annotations

import pytest

from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import rules, times
from workbench.protocols.mikey.registry import Flag, TimestampRole, TimestampType

NTP, COUNTER, SHORT = TimestampType.NTP_UTC, TimestampType.COUNTER, TimestampType.NTP_UTC_32
ERA = 1 << 32


@pytest.mark.parametrize(("kind", "value", "seconds", "text"), [
    (SHORT, 0xD7359440, 0xD7359440, "2014-06-01 12:00:00 UTC"), (SHORT, 0xFFFFFFFF, ERA - 1, "2036-02-07 06:28:15 UTC"),
    (SHORT, 0, ERA, "2036-02-07 06:28:16 UTC"), (SHORT, 0x7FFFFFFF, ERA + 0x7FFFFFFF, "2104-02-26 09:42:23 UTC"),
    (NTP, 0xD7359440 << 32 | 1 << 31, 0xD7359440 + 0.5, "2014-06-01 12:00:00.500 UTC"),
    (TimestampType.NTP, 0xD7359440 << 32, 0xD7359440, "2014-06-01 12:00:00"), (COUNTER, 7, None, "7"),
    (99, 7, None, "7")])
def test_a_timestamp_means_one_second_up_to_2104(kind: int, value: int, seconds: float | None, text: str) -> None:
    """K23: a first bit of 0 is after February 2036."""
    assert times.seconds(kind, value) == seconds
    assert times.text(kind, value) == text
    if seconds is not None:
        assert times.stamp(kind, seconds) == value


def test_a_ticket_that_begins_before_2036_and_ends_after_it_holds_in_between() -> None:
    """Its end is a smaller number than its beginning, and later all the same."""
    policy = m.TicketPolicy(Flag.D, (m.Timestamp(SHORT, 0xFFFFFFF0, TimestampRole.START),
                                     m.Timestamp(SHORT, 0x10, TimestampRole.END)))
    held = [rules.time_fault(policy, ERA + at) is None for at in (-17, -16, 0, 16, 17)]
    assert held == [False, True, True, True, False]
    assert rules.time_fault(m.TicketPolicy(Flag.D), 0) is None
