"""One TCP connection as a machine: segments and orders in, segments and happenings out. No clock, no address table.

`TcpMachine` serves the virtual network's hosts, and equally a TUN device with the kernel's TCP on its other side.
Sequence numbers are kept as whole numbers that do not wrap; they are folded to 32 bits on the wire only.

Source: RFC 9293; RFC 6298 (retransmission timer); RFC 5681 and RFC 6582 (slow start, fast retransmit, NewReno);
RFC 5961 (answers to blind attacks); RFC 7323 §2 (window scale). Timestamps, SACK and urgent data are not offered.
"""

from __future__ import annotations

from collections import deque

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net.packets import ACK, FIN, PSH, RST, SYN, Tcp
from workbench.net.values import (
    Failure,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)
from workbench.net.virtual.gaps import Gaps
from workbench.net.virtual.round_trip import RoundTrip
from workbench.net.virtual.settings import DEFAULT, Settings
from workbench.net.virtual.states import TRANSITIONS, Cause, State

_FOLD = 0xFFFFFFFF
_HALF = 0x80000000


_SENDS_DATA = frozenset((State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK))
_TAKES_DATA = frozenset((State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2))
_KEEPS_ALIVE = frozenset((State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_2))
_BEFORE_DATA = frozenset((State.SYN_SENT, State.SYN_RECEIVED))

_CHALLENGES_PER_SECOND = 20


class Transmit(msgspec.Struct, frozen=True):
    """A segment that leaves, and the comment for its frame."""

    segment: Tcp
    why: str = ""


Event = (
    Transmit | StreamOffered | StreamOpened | StreamFailed | StreamData | StreamFull | StreamWritable | StreamFlushed
    | StreamEnded | StreamClosed
)


def refusal(segment: Tcp) -> Tcp | None:
    """The RST that answers a segment without a connection; None: it is a RST itself (RFC 9293 §3.10.7.1)."""
    if segment.flags & RST:
        return None
    if segment.flags & ACK:
        return Tcp(segment.destination, segment.source, segment.acknowledgment, 0, RST, 0)
    return Tcp(segment.destination, segment.source, 0, segment.sequence + segment.length & _FOLD, RST | ACK, 0)


class TcpMachine:
    """One end of one connection.

    Args:
        stream: the connection as this end sees it.
        isn: initial sequence number, 32 bits; unpredictable where it matters (RFC 9293 §3.4.1).
        settings: limits and timers.

    Every order and every arrival returns what comes of it, oldest first. A peer can't make it raise. The machine
    may be forgotten when `finished` is true.
    """

    def __init__(self, stream: Stream, isn: int, settings: Settings = DEFAULT) -> None:
        self.stream = stream
        self.settings = settings
        self.state = State.CLOSED
        self.mss = settings.mss or (1440 if ":" in stream.local.host else 1460)
        self._own_mss = self.mss
        self._opened_by_us = False
        self._events: list[Event] = []
        # Sending (RFC 9293 §3.3.1). `_out` starts at sequence number `_out_start`.
        self.iss = self._snd_una = self._snd_nxt = self._snd_max = isn
        self._snd_wnd = self._max_snd_wnd = 0
        self._wl1 = self._wl2 = 0
        self._snd_shift = 0
        self._out = bytearray()
        self._out_start = isn + 1
        self._marks: deque[tuple[int, str]] = deque()
        self._ending = self._fin_sent = False
        self._end_why = self._open_why = ""
        self._crowded = False
        # Receiving. `_rcv_adv` is the right edge of the window that we have told.
        self._irs = self._rcv_nxt = self._rcv_adv = 0
        limit = settings.receive_limit
        self._rcv_shift = max(0, min(14, (limit // 65536).bit_length()))
        self._scaling = True
        self._receive_limit = limit
        self._inbox: deque[bytes] = deque()
        self._inbox_octets = 0
        self._gaps = Gaps(settings.gaps_limit)
        self._fin_at: int | None = None
        self._fin_taken = False
        self._paused = False
        self._told_end = self._told_close = self._close_due = False
        self._offer: Tcp | None = None
        # Acknowledging.
        self._ack_now = False
        self._unacknowledged = 0
        # Timers: moments, or None.
        self._resend_at: float | None = None
        self._ack_at: float | None = None
        self._over_at: float | None = None
        self._alive_at: float | None = None
        self._alive_tries = 0
        # Round-trip time and congestion.
        self._trip = RoundTrip(settings)
        self._tries = 0
        self._cwnd = settings.initial_window * self.mss
        self._ssthresh = 1 << 30
        self._duplicates = 0
        self._recovering = False
        self._recover = isn
        self._challenge_second = -1.0
        self._challenges = 0

    def __repr__(self) -> str:
        return f"TcpMachine({self.stream}, {self.state})"

    @property
    def finished(self) -> bool:
        """Closed, and the node has been told all there is to tell."""
        return self.state is State.CLOSED and not self._close_due

    @property
    def queued(self) -> int:
        """Octets that were ordered to be sent and are not acknowledged yet."""
        return len(self._out)

    def tell_if_full(self) -> list[StreamFull]:
        """Say again that the queue is full, for somebody who has not heard it; or never say that it is no more."""
        self._crowded = self._crowded and self.sends
        return [StreamFull(self.stream)] if self._crowded else []

    @property
    def paused(self) -> bool:
        """Octets are not handed over."""
        return self._paused

    @property
    def sends(self) -> bool:
        """Whether octets can be queued: it is not over, and no `end` was ordered."""
        return not self._ending and self.state not in (State.CLOSED, State.LISTEN)

    @property
    def told_close(self) -> bool:
        """The node has heard the last of it."""
        return self._told_close

    @property
    def next_sequence(self) -> int:
        """The sequence number behind all that was ever sent (for the choice of a later connection's ISN)."""
        return self._snd_max & _FOLD

    def reopens(self, syn: Tcp) -> bool:
        """Whether a SYN may start a new connection in place of this one, which is in TIME-WAIT (RFC 9293 §3.6.1)."""
        return self.state is State.TIME_WAIT and _behind(syn.sequence - self._rcv_nxt) > 0

    # Orders.

    def open(self, now: float, why: str = "") -> list[Event]:
        """Send a SYN; also from LISTEN, where the SYN that is held makes it a simultaneous open."""
        held = self._offer
        self._go(Cause.OPEN)
        self._offer = None
        self._over_at = None
        self._opened_by_us = True
        self._open_why = why
        self._send_syn(now, why)
        if held is not None:
            self._in_syn_sent(held, now)
        return self._finish(now)

    def offer(self, syn: Tcp, now: float) -> list[Event]:
        """Hold a SYN that reached our listener until `accept`, `open` or `abort`."""
        self._go(Cause.OFFER)
        self._offer = syn
        self._over_at = now + self.settings.offer_limit
        self._events.append(StreamOffered(self.stream))
        return self._take()

    def accept(self, now: float, why: str = "") -> list[Event]:
        """Answer the SYN that is held with SYN, ACK."""
        syn = self._offer
        if self.state is not State.LISTEN or syn is None:
            raise LocalProtocolError(f"accept while {self.state}: {self.stream}")
        self._go(Cause.ACCEPT)
        self._offer = None
        self._over_at = None
        self._open_why = why
        self._learn_syn(syn)
        self._send_syn(now, why)
        return self._finish(now)

    def send(self, data: bytes, now: float, why: str = "") -> list[Event]:
        """Queue octets. Raises LocalProtocolError after `end`, before `open` or `accept`, or above `queue_limit`."""
        if self._ending or self.state in (State.CLOSED, State.LISTEN):
            raise LocalProtocolError(f"send while {self.state}{' and ended' if self._ending else ''}: {self.stream}")
        if len(self._out) + len(data) > self.settings.queue_limit:
            raise LocalProtocolError(f"more than {self.settings.queue_limit} octets queued: {self.stream}")
        if data:
            if why != (self._marks[-1][1] if self._marks else ""):
                self._marks.append((self._out_start + len(self._out), why))
            self._out += data
            if not self._crowded and len(self._out) > self.settings.send_limit:
                self._crowded = True
                self._events.append(StreamFull(self.stream))
        return self._finish(now)

    def end(self, now: float, why: str = "") -> list[Event]:
        """Send FIN behind all that is queued; the other direction stays open. A second time it does nothing."""
        if self._ending:
            return []
        if self.state in (State.CLOSED, State.LISTEN):
            raise LocalProtocolError(f"end while {self.state}: {self.stream}")
        self._ending = True
        self._end_why = why
        return self._finish(now)

    def pause(self, paused: bool, now: float) -> list[Event]:
        """Stop handing over octets, or go on. The window closes as they pile up."""
        self._paused = paused
        if not paused:
            self._hand_over()
            if self.state in _TAKES_DATA:
                grown = self._rcv_nxt + self._receive_limit - self._inbox_octets - self._rcv_adv
                if grown >= min(2 * self._own_mss, self._receive_limit // 2):
                    self._ack_now = True
        return self._finish(now)

    def abort(self, now: float, why: str = "") -> list[Event]:
        """Send RST (in LISTEN: refuse the SYN) and forget the connection. No happening follows."""
        if self.state is State.LISTEN and self._offer is not None:
            segment = refusal(self._offer)
            if segment is not None:
                self._events.append(Transmit(segment, why))
        elif self.state not in (State.CLOSED, State.SYN_SENT, State.TIME_WAIT):
            self._transmit(self._sequence(), RST | ACK, why=why)
        self._stop()
        self._close_due = False
        self._told_close = True
        return self._take()

    # Arrivals and time.

    def receive(self, segment: Tcp, now: float) -> list[Event]:
        """Take a segment of this connection."""
        if self.state is State.CLOSED:
            return []
        self._alive_tries = 0
        if self.settings.keep_alive is not None and self.state in _KEEPS_ALIVE:
            self._alive_at = now + self.settings.keep_alive
        if self.state is State.LISTEN:
            self._in_listen(segment)
        elif self.state is State.SYN_SENT:
            self._in_syn_sent(segment, now)
        else:
            self._synchronized(segment, now)
        return self._finish(now)

    def unreachable(self, sequence: int, now: float) -> list[Event]:
        """ICMP says that our segment with this sequence number was not delivered; ends an attempt to open only.

        On an open connection the retransmission timer decides (RFC 5927 §5.2).
        """
        if self.state is State.SYN_SENT and sequence == self.iss & _FOLD:
            self._fail(Failure.UNREACHABLE)
        return self._take()

    def next_wakeup(self) -> float | None:
        """The next moment at which `wake` has something to do."""
        due = [at for at in (self._resend_at, self._ack_at, self._over_at, self._alive_at) if at is not None]
        return min(due) if due else None

    def wake(self, now: float) -> list[Event]:
        """Do what is due: retransmit, probe, acknowledge, give up, leave TIME-WAIT."""
        if self._over_at is not None and now >= self._over_at:
            if self.state is State.LISTEN:
                self._fail(Failure.TIMED_OUT)
            else:
                self._go(Cause.TIMEOUT)
                self._stop()
            return self._take()
        if self._resend_at is not None and now >= self._resend_at:
            self._resend(now)
        if self._alive_at is not None and now >= self._alive_at:
            self._probe_alive(now)
        if self._ack_at is not None and now >= self._ack_at:
            self._ack_at = None
            self._ack_now = True
        return self._finish(now)

    # Segments, state by state (RFC 9293 §3.10.7).

    def _in_listen(self, segment: Tcp) -> None:
        held = self._offer
        if held is None:
            return
        if segment.flags & RST:
            if segment.sequence in (held.sequence, held.sequence + 1 & _FOLD):
                self._fail(Failure.RESET)
        elif segment.flags & ACK:
            self._events.append(Transmit(Tcp(self.stream.local, self.stream.remote, segment.acknowledgment, 0, RST, 0)))
        elif segment.flags & SYN:
            self._offer = segment   # the same SYN again, or a peer that started anew

    def _in_syn_sent(self, segment: Tcp, now: float) -> None:
        flags = segment.flags
        if flags & ACK and segment.acknowledgment != self.iss + 1 & _FOLD:
            if not flags & RST:
                self._events.append(
                    Transmit(Tcp(self.stream.local, self.stream.remote, segment.acknowledgment, 0, RST, 0)))
            return
        if flags & RST:
            if flags & ACK:
                self._fail(Failure.REFUSED)
            return
        if not flags & SYN:
            return
        self._learn_syn(segment)
        if flags & ACK:
            self._go(Cause.SYN_ACK)
            self._syn_acknowledged(now)
            self._ack_now = True
        else:
            self._go(Cause.SYN)
            self._send_syn(now, "simultaneous open" if self._open_why == "" else self._open_why)

    def _synchronized(self, segment: Tcp, now: float) -> None:
        flags = segment.flags
        seq = self._rcv_nxt + _behind(segment.sequence - self._rcv_nxt)
        if self.state is State.SYN_RECEIVED and flags & SYN and not flags & RST and seq == self._irs:
            if not flags & ACK:
                self._send_syn(now, "retransmission")       # the peer has not seen our SYN, ACK
                return
            # Simultaneous open: both sides' SYN, ACK cross, and each acknowledges the other's SYN.
            flags &= ~SYN
            seq += 1
        length = len(segment.payload) + bool(flags & SYN) + bool(flags & FIN)
        payload = segment.payload
        window = self._rcv_adv - self._rcv_nxt
        if length:
            acceptable = window > 0 and seq < self._rcv_adv and seq + length > self._rcv_nxt
        else:
            acceptable = self._rcv_nxt <= seq <= self._rcv_adv
        if not acceptable:
            if flags & RST:
                return
            if length:
                self._ack_now = True
                if self.state is State.TIME_WAIT and flags & FIN:
                    self._over_at = now + 2 * self.settings.msl
            else:
                self._challenge(now)
            # "If RCV.WND is zero, special allowance should be made to accept valid ACKs."
            if window or seq != self._rcv_nxt:
                return
            flags &= ~(SYN | FIN)
            payload = b""
        if flags & RST:
            self._on_reset(seq, now)
            return
        if flags & SYN:
            self._challenge(now)
            return
        if not flags & ACK or not self._on_ack(segment, flags, seq, length, now):
            return
        if (payload or flags & FIN) and self.state in _TAKES_DATA:
            self._on_text(seq, payload, bool(flags & FIN), now)
        elif length and self.state not in _TAKES_DATA:
            self._ack_now = True

    def _on_reset(self, seq: int, now: float) -> None:
        """RFC 5961 §3.2: only an exact RST counts; any other in the window is challenged."""
        if seq != self._rcv_nxt:
            self._challenge(now)
        elif self.state is State.SYN_RECEIVED:
            self._fail(Failure.REFUSED if self._opened_by_us else Failure.RESET)
        elif self.state is not State.TIME_WAIT:             # RFC 1337
            delivered = self._fin_taken and self._fin_sent and not self._out
            self._close(None if delivered else Failure.RESET)

    def _on_ack(self, segment: Tcp, flags: int, seq: int, length: int, now: float) -> bool:
        """Take the acknowledgment and window; False: the segment is not to be looked at any further."""
        ack = self._snd_una + _behind(segment.acknowledgment - self._snd_una)
        if self.state is State.SYN_RECEIVED:
            if not self._snd_una < ack <= self._snd_max:
                self._events.append(
                    Transmit(Tcp(self.stream.local, self.stream.remote, segment.acknowledgment, 0, RST, 0)))
                return False
            self._go(Cause.ACK_OF_SYN)
            self._snd_wnd = segment.window << self._snd_shift
            self._wl1, self._wl2 = seq, ack
            self._syn_acknowledged(now)
        if ack > self._snd_max or ack < self._snd_una - max(self._max_snd_wnd, 65535):
            self._challenge(now)                            # RFC 5961 §5.2
            return False
        window = segment.window << self._snd_shift
        if ack > self._snd_una:
            self._on_new_ack(ack, now)
        elif (ack == self._snd_una < self._snd_max and not length and window == self._snd_wnd and window):
            self._on_duplicate_ack(now)
        if ack >= self._snd_una and (seq > self._wl1 or (seq == self._wl1 and ack >= self._wl2)):
            if window and not self._snd_wnd:
                # What was sent into the closed window were probes: send it all again from the start.
                self._snd_nxt = self._snd_una
                self._trip.restore()
                self._resend_at = None
            self._snd_wnd = window
            self._max_snd_wnd = max(self._max_snd_wnd, window)
            self._wl1, self._wl2 = seq, ack
        if not self._snd_wnd:
            self._tries = 0     # a peer that answers probes may keep its window closed as long as it likes
        return self.state is not State.CLOSED

    def _on_new_ack(self, ack: int, now: float) -> None:
        acked = ack - self._snd_una
        done = min(ack - self._out_start, len(self._out))
        if done > 0:
            del self._out[:done]
            self._out_start += done
        self._snd_una = ack
        self._snd_nxt = max(self._snd_nxt, ack)
        while len(self._marks) > 1 and self._marks[1][0] <= ack:
            self._marks.popleft()
        self._trip.acknowledged(ack, now)
        self._trip.restore()
        self._tries = 0
        self._duplicates = 0
        self._resend_at = None
        if self._recovering and ack < self._recover:        # RFC 6582: a partial ACK shows the next hole
            self._cwnd = max(self._cwnd - acked + self.mss, self.mss)
            self._emit(self._snd_una, self.mss, now)
        elif self._recovering:
            self._recovering = False
            self._cwnd = max(self._ssthresh, 2 * self.mss)
        elif self._cwnd < self._ssthresh:
            self._cwnd += min(acked, self.mss)
        else:
            self._cwnd = min(self._cwnd + max(1, self.mss * self.mss // self._cwnd), 1 << 24)
        if self._crowded and len(self._out) <= self.settings.send_limit // 2:
            self._crowded = False
            self._events.append(StreamWritable(self.stream))
        if self._fin_sent and ack == self._out_start + len(self._out) + 1:
            self._fin_acknowledged(now)

    def _on_duplicate_ack(self, now: float) -> None:
        self._duplicates += 1
        if self._duplicates == 3 and not self._recovering and self._snd_una >= self._recover:
            self._ssthresh = max((self._snd_max - self._snd_una) // 2, 2 * self.mss)
            self._recovering = True
            self._recover = self._snd_max
            self._trip.cancel()
            self._cwnd = self._ssthresh + 3 * self.mss
            self._emit(self._snd_una, self.mss, now, "fast retransmit")
        elif self._recovering:
            self._cwnd += self.mss

    def _on_text(self, seq: int, payload: bytes, fin: bool, now: float) -> None:
        end = seq + len(payload)
        if fin and end <= self._rcv_adv:
            self._fin_at = end
        if end > self._rcv_adv:
            payload = payload[: self._rcv_adv - seq]
        if seq < self._rcv_nxt:
            payload = payload[self._rcv_nxt - seq :]
            seq = self._rcv_nxt
        if self._fin_at is not None and seq + len(payload) > self._fin_at:
            payload = payload[: max(0, self._fin_at - seq)]
        if seq > self._rcv_nxt:
            if payload:
                self._gaps.keep(seq, payload)
            self._ack_now = True
        elif payload:
            filled = bool(self._gaps)
            if filled:
                payload += self._gaps.take(seq + len(payload))
            self._inbox.append(payload)
            self._inbox_octets += len(payload)
            self._rcv_nxt += len(payload)
            self._unacknowledged += 1
            if filled or self._unacknowledged >= 2 or not self.settings.ack_delay:
                self._ack_now = True
            elif self._ack_at is None:
                self._ack_at = now + self.settings.ack_delay
        if self._fin_at is not None and self._rcv_nxt >= self._fin_at and not self._fin_taken:
            self._rcv_nxt += 1
            self._rcv_adv = max(self._rcv_adv, self._rcv_nxt)
            self._fin_taken = True
            self._gaps.clear()
            self._ack_now = True
            self._go(Cause.FIN)
            if self.state is State.TIME_WAIT:
                self._enter_time_wait(now)
        self._hand_over()

    def _hand_over(self) -> None:
        """Tell the node what it has not been told, in order: octets, the peer's end, the close."""
        if self._paused:
            return
        if self._inbox:
            data = self._inbox[0] if len(self._inbox) == 1 else b"".join(self._inbox)
            self._inbox.clear()
            self._inbox_octets = 0
            self._events.append(StreamData(self.stream, data))
        if self._fin_taken and not self._told_end:
            self._told_end = True
            self._events.append(StreamEnded(self.stream))
        if self._close_due:
            self._close_due = False
            self._told_close = True
            self._events.append(StreamClosed(self.stream))

    # Sending.

    def _send_syn(self, now: float, why: str) -> None:
        flags = SYN | ACK if self.state is State.SYN_RECEIVED else SYN
        options = b"\x02\x04" + self._own_mss.to_bytes(2, "big")
        if self._scaling:
            options += bytes((1, 3, 3, self._rcv_shift))
        if self._snd_max == self.iss:
            self._trip.start(self.iss + 1, now)
        else:
            self._trip.cancel()
        self._snd_nxt = self._snd_max = self.iss + 1
        self._transmit(self.iss, flags, options=options, why=why)

    def _learn_syn(self, syn: Tcp) -> None:
        self._irs = syn.sequence
        self._rcv_nxt = self._rcv_adv = syn.sequence + 1
        # No MSS option means 536 (RFC 9293 §3.7.1); tiny values would let a peer have us send a flood of headers.
        offered = syn.mss
        self.mss = max(min(self._own_mss, (536 if ":" not in self.stream.local.host else 1220)
                           if offered is None else offered), 64)
        self._cwnd = self.settings.initial_window * self.mss
        shift = syn.window_scale
        self._scaling = self._scaling and shift is not None
        self._snd_shift = shift if shift is not None and self._scaling else 0
        if not self._scaling:
            self._rcv_shift = 0
            self._receive_limit = min(self._receive_limit, 65535)
        self._snd_wnd = self._max_snd_wnd = syn.window
        self._wl1, self._wl2 = syn.sequence, self.iss

    def _syn_acknowledged(self, now: float) -> None:
        self._snd_una = self.iss + 1
        self._wl2 = self._snd_una
        if not self._trip.acknowledged(self._snd_una, now) and self._tries:
            self._trip.rto = max(self._trip.rto, 3 * self.settings.rto_initial)     # RFC 6298 (5.7)
            self._cwnd = self.mss
        self._tries = 0
        self._resend_at = None
        if self.settings.keep_alive is not None:
            self._alive_at = now + self.settings.keep_alive
        self._events.append(StreamOpened(self.stream))

    def _output(self, now: float) -> None:
        """Send what the windows allow (RFC 9293 §3.8.6.2.1: no silly windows; without Nagle's delay)."""
        while self.state in _SENDS_DATA:
            end = self._out_start + len(self._out)
            flight = self._snd_nxt - self._snd_una
            usable = min(self._snd_wnd, self._cwnd) - flight
            pending = end - self._snd_nxt
            if pending < 0 or usable <= 0 or (pending == 0 and not self._ending):
                return
            size = min(pending, self.mss, usable)
            if size < pending and size < self.mss and flight and size * 2 < self._max_snd_wnd:
                return
            if not self._emit(self._snd_nxt, size, now, room_for_fin=usable > size):
                return

    def _emit(self, seq: int, limit: int, now: float, why: str = "", *, room_for_fin: bool = True) -> bool:
        """Send up to `limit` octets from `seq` on, with FIN where they reach the end; False: there was nothing."""
        at = seq - self._out_start
        payload = bytes(self._out[at : at + min(limit, self.mss)]) if at < len(self._out) else b""
        last = seq + len(payload) == self._out_start + len(self._out)
        fin = last and self._ending and room_for_fin
        if not payload and not fin:
            return False
        again = seq < self._snd_max
        after = seq + len(payload) + fin
        if again:
            self._trip.cancel()
        elif not self._trip.is_timing:
            self._trip.start(after, now)
        comment = self._why(seq, after) if payload else ""
        if fin and self._end_why not in ("", comment):
            comment = f"{comment}; {self._end_why}" if comment else self._end_why
        if again and not why:
            why = "retransmission"
        self._transmit(seq, ACK | (FIN if fin else 0) | (PSH if payload and last else 0), payload,
                       f"{why}: {comment}" if why and comment else why or comment)
        self._snd_nxt = max(self._snd_nxt, after)
        self._snd_max = max(self._snd_max, after)
        if fin and not self._fin_sent:
            self._fin_sent = True
            self._go(Cause.SEND_FIN)
        return True

    def _why(self, start: int, end: int) -> str:
        """The comments of the orders whose octets lie between two sequence numbers."""
        found: list[str] = []
        for index, (begin, why) in enumerate(self._marks):
            if begin >= end:
                break
            covers = index + 1 == len(self._marks) or self._marks[index + 1][0] > start
            if covers and why and why not in found:
                found.append(why)
        return "; ".join(found[:3])

    def _transmit(self, seq: int, flags: int, payload: bytes = b"", why: str = "", options: bytes = b"") -> None:
        window = acknowledgment = 0
        if flags & (SYN | ACK):
            window = self._window(bool(flags & SYN))
        if flags & ACK:
            acknowledgment = self._rcv_nxt & _FOLD
            self._ack_now = False
            self._ack_at = None
            self._unacknowledged = 0
        stream = self.stream
        self._events.append(Transmit(
            Tcp(stream.local, stream.remote, seq & _FOLD, acknowledgment, flags, window, payload, options), why))

    def _sequence(self) -> int:
        """For a segment without octets: within the peer's window, or the peer would not look at it."""
        return min(self._snd_max, self._snd_una + self._snd_wnd)

    def _window(self, unscaled: bool) -> int:
        """The window field. Its edge never moves left, and right in worthwhile steps only (RFC 9293 §3.8.6.2.2)."""
        edge = self._rcv_nxt + self._receive_limit - self._inbox_octets
        if unscaled:
            self._rcv_adv = max(self._rcv_adv, self._rcv_nxt + min(self._receive_limit, 65535))
            return min(self._receive_limit, 65535)
        if edge - self._rcv_adv >= min(self._own_mss, self._receive_limit // 2):
            self._rcv_adv = edge
        return min((self._rcv_adv - self._rcv_nxt) >> self._rcv_shift, 65535)

    def _challenge(self, now: float) -> None:
        """Answer with an ACK, but not endlessly: two machines could keep each other busy (RFC 5961 §7)."""
        if now - self._challenge_second >= 1.0:
            self._challenge_second = now
            self._challenges = 0
        self._challenges += 1
        if self._challenges <= _CHALLENGES_PER_SECOND:
            self._ack_now = True

    # Timers.

    def _resend(self, now: float) -> None:
        self._tries += 1
        self._resend_at = None
        limit = self.settings.syn_retries if self.state in _BEFORE_DATA else self.settings.retries
        if self._tries > limit:
            if self.state in _BEFORE_DATA:
                self._fail(Failure.TIMED_OUT)
            else:
                self._close(Failure.TIMED_OUT)
            return
        self._trip.back_off()
        if self.state in _BEFORE_DATA:
            self._send_syn(now, f"retransmission: {self._open_why}" if self._open_why else "retransmission")
        elif self._snd_wnd == 0:
            self._emit(self._snd_una, 1, now, "zero window probe", room_for_fin=not self._out)
        else:
            if self._tries == 1:
                self._ssthresh = max((self._snd_max - self._snd_una) // 2, 2 * self.mss)
            self._cwnd = self.mss
            self._recovering = False
            self._recover = self._snd_max
            self._duplicates = 0
            self._snd_nxt = self._snd_una

    def _probe_alive(self, now: float) -> None:
        self._alive_tries += 1
        interval = self.settings.keep_alive or 0.0
        if self._alive_tries > self.settings.keep_alive_probes:
            self._close(Failure.TIMED_OUT)
            return
        self._alive_at = now + interval
        if self._snd_una == self._snd_max and self.state in _KEEPS_ALIVE:
            self._transmit(self._snd_una - 1, ACK, why="keep-alive")

    def _finish(self, now: float) -> list[Event]:
        """Send what has become possible, the acknowledgment that is owed, and set the retransmission timer."""
        if self.state in _SENDS_DATA:
            self._output(now)
        if self._ack_now and self.state not in (State.CLOSED, State.LISTEN, State.SYN_SENT):
            self._transmit(self._sequence(), ACK)
        if self.state not in (State.CLOSED, State.LISTEN):
            end = self._out_start + len(self._out)
            waits = self._snd_una < self._snd_max or (
                self.state in _SENDS_DATA and not self._snd_wnd
                and (self._snd_nxt < end or (self._ending and not self._fin_sent)))
            if not waits:
                self._resend_at = None
            elif self._resend_at is None:
                self._resend_at = now + self._trip.rto
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # Ends.

    def _go(self, cause: Cause) -> None:
        after = TRANSITIONS.get((self.state, cause))
        if after is None:
            raise LocalProtocolError(f"{cause} while {self.state}: {self.stream}")
        self.state = after

    def _fin_acknowledged(self, now: float) -> None:
        if (self.state, Cause.ACK_OF_FIN) not in TRANSITIONS:
            return
        self._go(Cause.ACK_OF_FIN)
        if self.state is State.FIN_WAIT_2:
            self._events.append(StreamFlushed(self.stream))
        elif self.state is State.TIME_WAIT:
            self._enter_time_wait(now)
        elif self.state is State.CLOSED:
            self._stop()
            self._close_due = not self._told_close
            self._hand_over()

    def _enter_time_wait(self, now: float) -> None:
        self._over_at = now + 2 * self.settings.msl
        self._resend_at = self._alive_at = None
        self._close_due = not self._told_close
        self._hand_over()

    def _fail(self, reason: Failure) -> None:
        self._stop()
        self._events.append(StreamFailed(self.stream, reason))

    def _close(self, reason: Failure | None) -> None:
        self._stop()
        if reason is None:
            self._close_due = not self._told_close
            self._hand_over()
        elif not self._told_close:
            self._told_close = True
            self._close_due = False
            self._inbox.clear()
            self._events.append(StreamClosed(self.stream, reason))

    def _stop(self) -> None:
        self.state = State.CLOSED
        self._resend_at = self._ack_at = self._over_at = self._alive_at = None
        self._ack_now = False
        self._out.clear()
        self._gaps.clear()
        self._marks.clear()
        self._offer = None


def _behind(difference: int) -> int:
    """A 32-bit difference as a signed one: "older" is "behind by less than half the ring" (RFC 9293 §3.4)."""
    return ((difference + _HALF) & _FOLD) - _HALF
