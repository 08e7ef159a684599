"""Waiting: which sockets have something to say, in which turn, and what of it is told first."""

from __future__ import annotations

import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress

from workbench.net.arrivals import Arrivals
from workbench.net.interface import Arrival
from workbench.net.sockets.entries import Connection, Datagrams, Entry, Limits, Listener
from workbench.net.sockets.making import pair
from workbench.net.values import Endpoint, Happening

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
# Signals are looked at between waits; where none interrupts the wait (Windows) this is how late.
_LONGEST_WAIT = 0.5
# What is preferred is looked for this often (seconds) while there is other work.
_LOOK_EVERY = 0.002
# So many connections are taken in a turn, of all listeners together: a crowd at the door does not stop those inside.
_OFFERS_A_TURN = 16
# So many datagrams are told of in a turn, of all sockets together, for the same reason; one socket may exceed it. Those
# that are joined have their turn always: most of theirs are not told of.
_DATAGRAMS_A_TURN = 64


class Loop(ABC):
    """One node's sockets and a selector for all of them.

    Args:
        node: name of the node; happenings are addressed to it.
        limits: see `Limits`.
        arrivals: where happenings wait for the node; networks of several nodes share one.
    """

    def __init__(self, node: str, limits: Limits | None = None, arrivals: Arrivals | None = None) -> None:
        self._node = node
        self._limits = limits or Limits()
        self._began = time.monotonic()
        self._arrivals = Arrivals() if arrivals is None else arrivals
        self._selector = selectors.DefaultSelector()
        self._watched: dict[socket.socket, tuple[Entry, int]] = {}
        self._ready: deque[tuple[Entry | None, int]] = deque()
        self._first: selectors.BaseSelector | None = None     # the sockets at preferred endpoints, once more
        self._preferred: set[Endpoint] = set()
        self._look_at = 0.0
        self._looked = False        # and found something; other work comes next
        self._resting: list[tuple[float, Listener]] = []
        self._offers_left = 0
        self._datagrams_left = 0
        self._put_off: dict[Entry, None] = {}       # whose turn comes first next time
        self._interrupted, self._interrupts = pair()
        self._selector.register(self._interrupted, READ, None)

    @property
    def now(self) -> float:
        """Seconds since this network was made, on a clock that only goes forward."""
        return time.monotonic() - self._began

    def interrupt(self) -> None:
        """End a `wait` that is under way; may be called from a signal handler or another thread."""
        with suppress(OSError):
            self._interrupts.send(b".")

    def wait(self, deadline: float) -> Arrival | None:
        """The next happening, or None: the deadline came first, or `interrupt` was called, or a moment has passed."""
        if self._first is not None:
            self._look_first()
        arrival = self._arrivals.take()
        if arrival is None:
            self._work(deadline)
            arrival = self._arrivals.take()
        return arrival

    def close(self) -> None:
        """Give back what the loop itself has."""
        self._selector.close()
        if self._first is not None:
            self._first.close()
        self._interrupted.close()
        self._interrupts.close()

    # A turn

    def _work(self, deadline: float) -> None:
        """Deal with what is ready, one socket after the other, until there is something to tell."""
        if not self._ready:
            self._select(max(0.0, min(deadline - self.now, _LONGEST_WAIT)))
        while self._ready:
            entry, mask = self._ready.popleft()
            self._handle(entry, mask)
            self._looked = False
            if entry is None or self._arrivals or self.now >= deadline:
                return
            if self._first is not None:
                self._look_first()

    def _turn(self, seconds: float) -> None:
        """Deal with all that is ready within this time."""
        self._select(seconds)
        while self._ready:
            self._handle(*self._ready.popleft())

    def _select(self, seconds: float) -> None:
        if self._resting:
            seconds = min(seconds, self._wake_listeners())
        if self._put_off:
            seconds = 0.0
        self._offers_left = _OFFERS_A_TURN
        self._datagrams_left = _DATAGRAMS_A_TURN
        put_off, self._put_off = self._put_off, {}
        self._ready.extend((entry, READ) for entry in put_off)
        for key, mask in self._selector.select(seconds):
            self._ready.append((key.data, mask & ~READ if key.data in put_off else mask))
        self._looked = False

    def _look_first(self) -> None:
        """Deal with what is ready at preferred endpoints, if it is time again."""
        moment = time.monotonic()
        if self._looked or moment < self._look_at or self._first is None:
            return
        self._look_at = moment + _LOOK_EVERY
        for key, mask in self._first.select(0):
            self._datagrams_left = max(1, self._datagrams_left)
            self._handle(key.data, mask)
            self._looked = True

    def _handle(self, entry: Entry | None, mask: int) -> None:
        """A socket is ready. It may have been closed since."""
        if entry is None:
            with suppress(OSError):
                self._interrupted.recv(4096)
            return
        watched = self._watched.get(entry.socket)
        if watched is None or watched[0] is not entry:
            return
        match entry:
            case Connection():
                self._progress(entry, mask)
            case Datagrams():
                if mask & WRITE:
                    self._flush_datagrams(entry)
                if mask & READ and (self._datagrams_left > 0 or entry.onward is not None):
                    self._datagrams_left -= self._receive_datagrams(entry)
                elif mask & READ:
                    self._put_off[entry] = None
            case Listener() if self._offers_left:
                # One only, and no look for more: the selector tells again where a crowd waits.
                self._offers_left -= self._take_offers(entry, 1)
            case Listener():
                self._put_off[entry] = None

    def _wake_listeners(self) -> float:
        """Listen again where the pause is over; how long the next one lasts."""
        now = self.now
        for until, listener in self._resting:
            if until <= now and self._listens(listener):
                self._watch(listener, READ)
        self._resting = [(until, listener) for until, listener in self._resting if until > now]
        return min((until - now for until, _ in self._resting), default=_LONGEST_WAIT)

    def _tell(self, happened: Happening) -> None:
        self._arrivals.add(Arrival(self._node, happened, self.now))

    # What is watched

    def _watch(self, entry: Entry, mask: int) -> None:
        """Be told of these events at this entry's socket; 0: of none."""
        _, before = self._watched.get(entry.socket, (entry, 0))
        if mask == before:
            return
        _change(self._selector, entry, before, mask)
        if self._first is not None and entry.local in self._preferred:
            _change(self._first, entry, before, mask)
        if mask:
            self._watched[entry.socket] = entry, mask
        else:
            del self._watched[entry.socket]

    def _prefer(self, local: Endpoint) -> None:
        if local in self._preferred:
            return
        self._arrivals.prefer(self._node, local)
        self._preferred.add(local)
        if self._first is None:
            self._first = selectors.DefaultSelector()
        for entry, mask in self._watched.values():
            if entry.local == local:
                _change(self._first, entry, 0, mask)

    def _close(self, entry: Entry | None) -> None:
        if entry is not None:
            self._watch(entry, 0)
            entry.socket.close()

    # What the topics add

    @abstractmethod
    def _progress(self, connection: Connection, mask: int) -> None: ...

    @abstractmethod
    def _flush_datagrams(self, bound: Datagrams) -> None: ...

    @abstractmethod
    def _receive_datagrams(self, bound: Datagrams) -> int: ...

    @abstractmethod
    def _take_offers(self, listener: Listener, most: int) -> int: ...

    @abstractmethod
    def _listens(self, listener: Listener) -> bool: ...


def _change(selector: selectors.BaseSelector, entry: Entry, before: int, mask: int) -> None:
    if not before:
        selector.register(entry.socket, mask, entry)
    elif not mask:
        selector.unregister(entry.socket)
    else:
        selector.modify(entry.socket, mask, entry)
