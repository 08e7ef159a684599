from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.nodes.gateway.agenda import Agenda


class Sleeper:
    def __init__(self) -> None:
        self.moment: float | None = None
        self.entered: float | None = None

    def next_wakeup(self) -> float | None:
        return self.moment


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(0, 50)), max_size=40), st.integers(0, 60))
def test_the_agenda_knows_who_is_due(changes, now):
    """However timers move, the first one is known, and those due come out once."""
    sleepers = [Sleeper() for _ in range(4)]
    agenda = Agenda()
    for index, moment in changes:
        sleepers[index].moment = moment
        agenda.add(sleepers[index])
        assert agenda.next_wakeup() == min((s.moment for s in sleepers if s.moment is not None), default=None)
    due = agenda.due(now)
    assert {id(s) for s in due} == {id(s) for s in sleepers if s.moment is not None and s.moment <= now}
    assert len(due) == len({id(s) for s in due})


def test_an_agenda_does_not_grow():
    """A timer that is set later again and again has one entry."""
    agenda, sleeper = Agenda(), Sleeper()
    for moment in range(10_000):
        sleeper.moment = moment
        agenda.add(sleeper)
    assert len(agenda._heap) == 1
    assert agenda.next_wakeup() == 9_999


def test_owners_that_are_gone_are_not_kept():
    """Of a thousand owners of which all but one are gone, few are left in the heap, and the one is still known."""
    agenda = Agenda()
    sleepers = [Sleeper() for _ in range(1_000)]
    for at, sleeper in enumerate(sleepers):
        sleeper.moment = 600.0 + at
        agenda.add(sleeper)
    for sleeper in sleepers[:-1]:
        sleeper.moment = None
        agenda.discard(sleeper)
    assert len(agenda._heap) < 200
    assert agenda.next_wakeup() == 1_599.0
