"""TCP connections as columns: the segments of each, and how far each goes on in order without anything special.

A stretch is a run of neighbouring segments of one connection that carry octets in order or acknowledge: no SYN, FIN or
RST, nothing lost, repeated, cut short, commented or inside a tunnel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from workbench.analysis.columns.headers import Headers, Status
from workbench.net.packets import FIN, RST, SYN, TCP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.analysis.columns.index import Index

    Flags = NDArray[np.bool_]
    Rows = NDArray[Any]

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))


class Streams(msgspec.Struct):
    """The TCP segments of a capture, connection by connection.

    Args:
        rows: of the capture, in that order; a connection's in order of capture.
        place: of each row of the capture in `rows`; -1 for what is no TCP.
        stream: number of the connection, for each place. One connection may have several numbers, which costs time.
        until: for each place, the first place behind its stretch; the place itself where it is in none.
        upward: for each place, whether it goes from the smaller transport address to the greater.
    """

    rows: Rows
    place: Rows
    stream: Rows
    until: Rows
    upward: Flags


def streams(index: Index, heads: Headers) -> Streams:
    """Sort the TCP segments of a capture into connections and stretches."""
    tcp = np.flatnonzero((heads.status == Status.READ) & (heads.protocol == TCP))
    wires: dict[str, int] = {}
    names = np.array([wires.setdefault(one.name, len(wires)) for one in index.interfaces] or [0], np.uint64)
    wire = names[index.interface[tcp]]
    ends = [(address[tcp].astype(np.uint64) << np.uint64(16)) | port[tcp] for address, port in (
        (heads.source, heads.source_port), (heads.destination, heads.destination_port))]
    low, high = np.minimum(*ends), np.maximum(*ends)
    order = np.argsort(low * _MIX[0] + high * _MIX[1] + wire * _MIX[2], kind="stable")
    rows, low, high, wire = tcp[order], low[order], high[order], wire[order]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1]) | (wire[1:] != wire[:-1])
    stream = np.cumsum(begins) - 1
    upward = ends[0][order] < ends[1][order]
    plain = (low != high) & _plain(index, heads, rows) & _in_order(heads, rows, stream, upward)
    place = np.full(len(index), -1, np.int64)
    place[rows] = np.arange(len(rows))
    until = _until(plain, begins)
    return Streams(rows.astype(np.int32), place.astype(np.int32), stream.astype(np.int32), until.astype(np.int32),
                   upward)


def _plain(index: Index, heads: Headers, rows: Rows) -> Flags:
    found: Flags = heads.flags[rows] & (SYN | FIN | RST) == 0
    found &= (heads.tunnels[rows] == 0) & (index.length[rows] <= index.captured[rows])
    if index.comments:
        found &= ~np.isin(rows, np.fromiter(index.comments, np.int64))
    return found


def _in_order(heads: Headers, rows: Rows, stream: Rows, upward: Flags) -> Flags:
    """Which segments carry no octets, or go on where the one before that did in their direction has ended."""
    found = np.ones(len(rows), np.bool_)
    size, sequence = heads.octets[rows], heads.sequence[rows]
    for direction in (True, False):
        own = np.flatnonzero((size > 0) & (upward == direction))
        one, other = own[:-1], own[1:]
        behind: NDArray[Any] = sequence[one] + size[one].astype(np.uint32)
        found[other] = (stream[one] != stream[other]) | (behind == sequence[other])
    return found


def _until(plain: Flags, begins: Flags) -> Rows:
    places = np.arange(len(plain))
    stops = np.append(np.where(~plain | begins, places, len(plain)), len(plain))
    following = np.minimum.accumulate(stops[::-1])[::-1]
    return np.where(plain, following[1:], places)
