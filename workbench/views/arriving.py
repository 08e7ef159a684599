"""A page as it arrives: which row is there at which moment, and what had to be made good until then."""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from workbench.views.arrivals import LOST, REBUILT, REPEATED, way_of
from workbench.views.pages import PageRow

_STEPS = 12


class Arriving(msgspec.Struct, frozen=True):
    """When the rows of a page arrive.

    Args:
        page: whose rows.
        times: of each row, in seconds: when the packet came that completed it, or behind which it was given up.
        begin, end: when the first row comes, and the last.
        repairs: times of packets that were made good.
        losses: times at which packets were given up.
    """

    page: PageRow
    times: tuple[float, ...]
    begin: float
    end: float
    repairs: tuple[float, ...]
    losses: tuple[float, ...]

    def rows_at(self, seconds: float) -> int:
        """How many rows are there."""
        return bisect_right(self.times, seconds)

    def said_at(self, seconds: float) -> str:
        """What is there, in words."""
        good, lost = bisect_right(self.repairs, seconds), bisect_right(self.losses, seconds)
        words = [f"{seconds:.2f} s: row {self.rows_at(seconds)} of {len(self.times)}"]
        words += [f"{good} packets made good"] if good else []
        return ", ".join([*words, f"{lost} lost"] if lost else words)

    def text(self) -> str:
        """A line for each of some moments between the first row and the last."""
        if not self.times:
            return f"{self.page.where}: {'; '.join(self.page.said())}"
        moments = [self.begin + (self.end - self.begin) * step / _STEPS for step in range(_STEPS + 1)]
        lines = []
        for moment in moments:
            bar = "#" * round(40 * self.rows_at(moment) / len(self.times))
            lines.append(f"  {bar:<40}  {self.said_at(moment)}")
        return "\n".join([self.page.where, *lines])


def arriving(page: PageRow) -> Arriving:
    """When the rows of a page arrive where it was read."""
    arrivals = page.direction.arrivals
    latest = 0.0
    times: list[float] = []
    for place in page.bitmap.places:
        # A row that came earlier than one before it is seen no earlier: the page fills from the top.
        latest = max(latest, arrivals[min(place, len(arrivals) - 1)].time)
        times.append(latest)
    ways = [(way_of(one), one.time) for one in arrivals]
    repairs = sorted(time for way, time in ways if way in (REPEATED, REBUILT))
    losses = sorted(time for way, time in ways if way == LOST)
    return Arriving(page, tuple(times), times[0] if times else 0.0, latest, tuple(repairs), tuple(losses))
