"""Packets of a stream that say nothing new, folded into one row of a ladder: a page or a word is hundreds of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from workbench.views.ladder import Row

_FEWEST = 3
# `UDPTL 93 v29-9600 t4-non-ecm-data, 2 repeated`: number and kind. What completes a frame has its name behind a colon.
# `RTP 4711 PCMA, 160 octets`: the same.
_PACKET = re.compile(r"(?:UDPTL|RTP) (\d+) ([^,:]+)(?:, [^:]*)?$")
_TELLING = ("lost from",)


def folded(rows: Sequence[Row]) -> list[Row]:
    """The rows with runs of like packets as one row each.

    A run is of one wire, direction and kind of packet, three packets at least; other packets of a stream may stand in
    between, as they do on the next wire, but nothing of another protocol and no packet that completes a frame of T.30.
    """
    found: list[list[Row]] = []
    running: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        kind = _kind(row)
        if not kind:
            running.clear()
            found.append([row])
            continue
        way = (row.wire, row.source, row.destination)
        run = running.get(way)
        if run is None or _kind(run[0]) != kind:
            run = running[way] = []
            found.append(run)
        run.append(row)
    return [row for run in found for row in (run if len(run) < _FEWEST else [_as_one(run)])]


def _kind(row: Row) -> str:
    """What the packet carries; empty where it is to have a row of its own."""
    packet = _PACKET.match(row.summary) if row.protocol in ("UDPTL", "RTP") and not row.error else None
    return packet[2].strip() if packet is not None and not any(word in row.summary for word in _TELLING) else ""


def _as_one(run: list[Row]) -> Row:
    numbers = [packet[1] for row in (run[0], run[-1]) if (packet := _PACKET.match(row.summary)) is not None]
    frames = tuple(frame for row in run for frame in row.frames)
    many = f"{len(run)} packets until {run[-1].time:.2f} s"
    span = numbers[0] if numbers[0] == numbers[1] else f"{numbers[0]} to {numbers[1]}"
    return msgspec.structs.replace(run[0], frames=frames, repeated=all(row.repeated for row in run),
                                   summary=f"{run[0].protocol} {span}: {_kind(run[0])}, {many}")
