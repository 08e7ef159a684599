"""Procedures sleep on topics, wake with what was posted, and end when their time is over."""

from __future__ import annotations

import pytest

from workbench.errors import LocalProtocolError
from workbench.net.values import Note
from workbench.nodes.procedure import Await, Procedures, earliest


def waiting(log, *topics, timeout=None):
    """A procedure that notes what woke it."""
    yield Note("asleep")
    log.append((yield Await(topics, timeout)))
    yield Note("awake")


def test_a_procedure_runs_to_its_first_await():
    """Commands before the sleep leave at once, those behind it when it is woken."""
    procedures, log = Procedures(), []
    assert procedures.start(waiting(log, ("reply", 7)), 0.0) == [Note("asleep")]
    assert procedures.awaited(("reply", 7)) and not procedures.awaited(("reply", 8))
    assert procedures.post(("reply", 8), "wrong", 1.0) == []
    assert procedures.post(("reply", 7), "right", 1.0) == [Note("awake")]
    assert procedures.post(("reply", 7), "late", 2.0) == []
    assert log == ["right"]


def test_all_that_await_a_topic_wake_oldest_first():
    """One event may concern several procedures."""
    procedures, log = Procedures(), []
    procedures.start(waiting(log, ("media",)), 0.0)
    procedures.start(waiting(log, ("other",), ("media",)), 0.0)
    assert procedures.post(("media",), 1, 0.0) == [Note("awake"), Note("awake")]
    assert log == [1, 1]


def test_time_runs_out_with_none():
    """A timeout wakes with None, at its moment and not before."""
    procedures, log = Procedures(), []
    procedures.start(waiting(log, ("reply",), timeout=5.0), 10.0)
    assert procedures.next_wakeup() == 15.0
    assert procedures.wake(14.9) == []
    assert procedures.wake(15.0) == [Note("awake")]
    assert procedures.next_wakeup() is None
    assert log == [None]


def test_running_procedures_are_bounded():
    """The one too many is refused before it runs."""
    procedures, log = Procedures(most=1), []
    procedures.start(waiting(log, ("a",)), 0.0)
    with pytest.raises(LocalProtocolError):
        procedures.start(waiting(log, ("b",)), 0.0)


def test_the_earliest_of_several_wakeups():
    """None counts as never."""
    assert earliest([None, 3.0, 2.0]) == 2.0
    assert earliest([None]) is None
