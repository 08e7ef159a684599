"""Both ends of many streams through a gateway in one loop: each sends its octets and checks those that come."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Self

from load.client import Client, announced
from load.content import Content
from load.controller import Context, Kind
from load.ends import End, Pair, State
from workbench.net.values import Endpoint

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Streams:
    """Both ends of streams, in one loop.

    Args:
        host: the gateway's; the far ends listen there.
        client: who the UEs are, for TLS.
        client_host: where the UEs are.
        checks: whether octets are compared, or only counted.
        at_once: how many streams are opened at one time; others wait until these are up. A gateway on a busy machine
            can't shake hands with a thousand UEs within the time that it gives each of them.
    """

    def __init__(
        self, host: str, client: Client | None = None, *, client_host: str = "127.0.0.1", checks: bool = True,
        at_once: int = 64,
    ) -> None:
        self.client = client
        self.pairs: list[Pair] = []
        self.ending = False
        """True: an end of a stream is what is expected, and no trouble."""
        self._client_host = client_host
        self._checks = checks
        self._at_once = at_once
        self._unopened: deque[Pair] = deque()
        self._opening = 0
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server((host, 0), backlog=4096)
        self._listener.setblocking(False)
        self._selector.register(self._listener, _READ, None)
        self._expected: dict[Endpoint, Pair] = {}
        self._strangers: list[socket.socket] = []
        self._numbers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def core(self) -> Endpoint:
        """Where the far ends listen."""
        return Endpoint(*self._listener.getsockname()[:2])

    def open(
        self, contexts: Iterable[Context], *, octets: int | None = 0, back: int | str | None = "same",
        reads: bool = True,
    ) -> list[Pair]:
        """Connect a UE to each context, as `turn` and `run` get to it.

        Args:
            octets: that the UE sends; None: without end.
            back: that the far end sends; `same`: as many.
            reads: False: a UE that connects, and once it is up reads nothing.
        """
        made = [self._made(context, octets, octets if isinstance(back, str) else back) for context in contexts]
        for pair in made:
            pair.ue.reads = reads
        self.pairs += made
        self._unopened += made
        return made

    def carry(
        self, octets: int | None, *, back: int | str | None = "same", pairs: Iterable[Pair] | None = None
    ) -> None:
        """Let every stream, or these, carry so many octets more; `run(done)` then waits for them."""
        for pair in self.pairs if pairs is None else pairs:
            pair.octets_back = _more(pair.octets_back, octets if isinstance(back, str) else back)
            pair.ue.octets = _more(pair.ue.octets, octets)
            if pair.far is not None:
                pair.far.octets = pair.octets_back
            for end in (pair.ue, pair.far):
                if end is not None and end.state is State.OPEN:
                    self._watch(pair, end, self._wishes(end))

    def run(self, done: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Work until `done` holds, or for so long; whether it held."""
        until = time.monotonic() + seconds
        while not (held := done()) and time.monotonic() < until:
            self.turn(min(0.1, max(0.0, until - time.monotonic())))
        return held

    def turn(self, seconds: float = 0.1) -> None:
        """Wait at most so long for something to do, and do it."""
        while self._unopened and self._opening < self._at_once:
            self._open(self._unopened.popleft())
        for key, mask in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            else:
                self._progress(key.data, mask)

    def done(self) -> bool:
        """Every stream has carried all its octets, or has failed."""
        return all(pair.through or pair.trouble for pair in self.pairs)

    def joined(self) -> bool:
        """Every stream is up at both ends, or has failed."""
        return all(pair.trouble or (pair.far is not None and pair.ue.state is State.OPEN) for pair in self.pairs)

    def over(self) -> bool:
        """Every end has seen the end of its stream, orderly or not."""
        return all(end.state is State.OVER for end in self.ends())

    def ends(self) -> list[End]:
        """All ends that there are."""
        return [end for pair in self.pairs for end in (pair.ue, pair.far) if end is not None]

    def arrived(self) -> int:
        """Octets that have arrived, all streams and both ways."""
        return sum(pair.arrived for pair in self.pairs)

    def troubles(self) -> list[str]:
        """What went wrong, one line a stream."""
        return [pair.trouble for pair in self.pairs if pair.trouble]

    def shut(self) -> None:
        """Each UE closes its stream; the far ends close when they hear of it."""
        self.ending = True
        for pair in self.pairs:
            self._drop(pair.ue)

    def drop(self, pair: Pair) -> None:
        """This UE closes its stream."""
        self._drop(pair.ue)

    def close(self) -> None:
        """Give back every socket."""
        for end in self.ends():
            self._drop(end)
        for stranger in self._strangers:
            stranger.close()
        self._listener.close()
        self._selector.close()

    # Opening

    def _made(self, context: Context, octets: int | None, back: int | None) -> Pair:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        number = self._numbers
        self._numbers += 2
        end = End(made, f"UE of context {context.id}", Content(number), Content(number + 1), octets)
        end.checks = self._checks
        return Pair(context, end, octets_back=back)

    def _open(self, pair: Pair) -> None:
        pair.ue.sock.bind((self._client_host, 0))
        pair.ue.sock.connect_ex((pair.context.access.host, pair.context.access.port))
        self._expected[pair.context.core] = pair
        self._opening += 1
        self._selector.register(pair.ue.sock.fileno(), _WRITE, (pair, pair.ue))

    def _accept(self) -> None:
        for _ in range(256):
            try:
                made, source = self._listener.accept()
            except BlockingIOError:
                return
            made.setblocking(False)
            pair = self._expected.pop(Endpoint(*source[:2]), None)
            if pair is None:
                self._strangers.append(made)
                continue
            end = pair.far = End(
                made, f"far end of context {pair.context.id}", pair.ue.hears, pair.ue.sends, pair.octets_back)
            end.state = State.OPEN
            end.checks = self._checks
            self._selector.register(made.fileno(), _READ | _WRITE, (pair, end))

    def _progress(self, data: tuple[Pair, End], mask: int) -> None:
        pair, end = data
        try:
            if end.state is State.OPENING:
                self._opened(pair, end)
            elif end.state is State.SHAKING_HANDS:
                self._shake(pair, end)
            else:
                self._carry(end, mask)
        except ssl.SSLWantReadError:
            self._watch(pair, end, _READ)
            return
        except ssl.SSLWantWriteError:
            self._watch(pair, end, _WRITE)
            return
        except BlockingIOError:
            pass
        except OSError as error:
            end.fail(str(error))
            self._drop(end)
            return
        if end.heard_end:
            if not self.ending and not pair.through:
                end.fail("the gateway has ended it")
            self._drop(end)
        elif end.state is State.OPEN:
            self._watch(pair, end, self._wishes(end))

    def _opened(self, pair: Pair, end: End) -> None:
        error = end.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connecting failed")
        end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if pair.context.kind is not Kind.TLS:
            end.state = State.OPEN
            self._opening -= 1
            return
        assert self.client is not None
        end.secure(self.client)
        self._shake(pair, end)

    def _shake(self, pair: Pair, end: End) -> None:
        assert isinstance(end.sock, ssl.SSLSocket)
        end.sock.do_handshake()
        if not announced(pair.context.fingerprint, end.sock.getpeercert(binary_form=True)):
            raise OSError("the certificate is not the announced one")
        end.state = State.OPEN
        self._opening -= 1

    def _carry(self, end: End, mask: int) -> None:
        if mask & _READ and end.reads:
            with suppress(*_WOULD_BLOCK):
                end.receive()
        if mask & _WRITE and end.has_more() and not end.heard_end:
            with suppress(*_WOULD_BLOCK):
                end.send()

    @staticmethod
    def _wishes(end: End) -> int:
        return (_READ if end.reads else 0) | (_WRITE if end.has_more() else 0)

    def _watch(self, pair: Pair, end: End, mask: int) -> None:
        number = end.sock.fileno()
        watched = self._selector.get_map().get(number)
        if not mask:
            if watched is not None:
                self._selector.unregister(number)
        elif watched is None:
            self._selector.register(number, mask, (pair, end))
        elif watched.events != mask:
            self._selector.modify(number, mask, (pair, end))

    def _drop(self, end: End) -> None:
        number = end.sock.fileno()
        if number >= 0:
            if number in self._selector.get_map():
                self._selector.unregister(number)
            end.sock.close()
        self._opening -= end.state in (State.OPENING, State.SHAKING_HANDS)
        end.state = State.OVER


def _more(before: int | None, octets: int | None) -> int | None:
    return None if octets is None else (before or 0) + octets
