"""What a call flow shows, for telling scenarios apart: who offered what, what was changed on the way, who opened."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import ContextSeen, Described, DialogSeen
from workbench.analysis.rules.bearers import Attempt, attempts
from workbench.analysis.rules.fingerprint_changed import is_passed_on
from workbench.analysis.rules.watching import released
from workbench.errors import PeerError
from workbench.net.packets import ACK, SYN
from workbench.protocols import sip
from workbench.protocols.h248 import message as h248
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp.cema import says_sessmatch
from workbench.protocols.msrp.uri import Path, decode_path

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

_FIRST_MESSAGES = 64
_MOST_DESCRIPTIONS = 64


class CallFlow:
    """One call. `first` is the caller's dialog, `last` the callee's."""

    def __init__(self, report: Report, call: Call) -> None:
        self._report = report
        self._call = call
        self._dialogs = sorted((dialog for dialog in call.dialogs if dialog.drafts), key=_began)
        self.gateways = list(dict.fromkeys(context.gateway for context in call.contexts))
        self._contexts: list[ContextSeen] = sorted(call.contexts, key=_since)
        self._attempts = list(attempts(call))

    # --- offer and answer

    @property
    def _first(self) -> DialogSeen | None:
        return self._dialogs[0] if self._dialogs else None

    @property
    def _last(self) -> DialogSeen | None:
        return self._dialogs[-1] if len(self._dialogs) > 1 else None

    def _one(self, role: str, *, last: bool) -> Described | None:
        dialog = self._last if last else self._first
        return next((one for one in dialog.described if one.role == role), None) if dialog is not None else None

    @cached_property
    def answered(self) -> bool:
        """Each of the outer legs has an answer."""
        return all(self._one("answer", last=last) is not None for last in (False, True))

    @cached_property
    def offers(self) -> int:
        """How many offers the caller's leg has; copies on other wires are not counted."""
        dialog = self._first
        return len({one.draft.value.cseq for one in dialog.described if one.role == "offer"}) if dialog else 0

    def said(self, role: str, *, last: bool = False) -> str:
        """The a=setup that an offer or answer stands for on one of the outer legs; empty where there is none."""
        one = self._one(role, last=last)
        return "" if one is None else one.setup_meant

    def setups(self, role: str, *, same: bool) -> bool:
        """Both outer legs have it, and a=setup is the same on them, or it is not."""
        first, last = self.said(role), self.said(role, last=True)
        return bool(first and last) and (first == last) == same

    def cema(self, role: str, *, last: bool, again: bool = False) -> bool:
        """An offer or answer on an outer leg has a=msrp-cema; `again`: the last one that was made there."""
        one = self._one(role, last=last)
        dialog = self._last if last else self._first
        if again and dialog is not None:
            one = next((other for other in reversed(dialog.described) if other.role == role), one)
        return one is not None and one.media.attribute("msrp-cema") is not None

    def sessmatch(self, *, last: bool) -> bool:
        """An end says that it compares MSRP session-ids only: the caller in User-Agent, the callee in Server."""
        dialog = self._last if last else self._first
        kind, name = (sip.Response, "Server") if last else (sip.Request, "User-Agent")
        return dialog is not None and any(
            says_sessmatch(draft.value.headers.get(name) or "") for draft in dialog.drafts[:_FIRST_MESSAGES]
            if isinstance(draft.value, kind))

    @cached_property
    def diverted(self) -> bool:
        """A message that names a gateway's termination goes on with another address, by a node that is no gateway's."""
        ours = {one.endpoint for context in self._contexts for end in context.terminations.values()
                for one in end.locals}
        return any(one.endpoint in ours and later.endpoint not in ours and later.endpoint is not None
                   and is_passed_on(one, later)
                   for dialog in self._dialogs for index, one in enumerate(dialog.described[:_MOST_DESCRIPTIONS])
                   for later in dialog.described[index + 1:_MOST_DESCRIPTIONS])

    def path(self, role: str) -> str:
        """What became of a=path: `untouched`, `rewritten` (host and port), `replaced`; empty where it can't be told."""
        first, last = (_path(self._one(role, last=which)) for which in (False, True))
        if not first or not last:
            return ""
        if first == last:
            return "untouched"
        return "rewritten" if first[-1].session_id == last[-1].session_id else "replaced"

    @cached_property
    def caller(self) -> str:
        """The side of the gateway from which the first offer comes: `access`, `core`, or empty."""
        if self._first is None:
            return ""
        said = {one.endpoint for one in self._first.described}
        return next((end.side for context in self._contexts for end in context.terminations.values()
                     if end.local in said), "")

    # --- gateways

    @cached_property
    def roles(self) -> dict[str, str]:
        """The TCP role that the first gateway was given on each side, at last."""
        return {end.side: end.setup_at(float("inf")) for context in self._contexts[:1]
                for end in context.terminations.values()}

    @cached_property
    def all_roles(self) -> list[list[str]]:
        """The roles at each gateway."""
        return [[end.setup_at(float("inf")) for end in context.terminations.values()] for context in self._contexts]

    @property
    def handling(self) -> str:
        """As in the session."""
        return self._call.session.handling

    @cached_property
    def bearers(self) -> set[str]:
        """The bearer types that gateways were told at last."""
        return {end.bearer for context in self._contexts for end in context.terminations.values()}

    @cached_property
    def first_bearers(self) -> set[str]:
        """Those that they were told at first."""
        return {end.locals[0].media.proto for context in self._contexts for end in context.terminations.values()
                if end.locals}

    @cached_property
    def reconfigured(self) -> bool:
        """A termination became another kind of bearer."""
        return any(end.locals and end.locals[0].media.proto != end.bearer
                   for context in self._contexts for end in context.terminations.values())

    @cached_property
    def released(self) -> bool:
        """Every termination was subtracted."""
        ends = [end for context in self._contexts for end in context.terminations.values()]
        return bool(ends) and all(end.subtracted is not None for end in ends)

    @cached_property
    def release_reported(self) -> bool:
        """A Notify tells of a released bearer."""
        return any(released(end, 0.0) for context in self._contexts for end in context.terminations.values())

    @cached_property
    def refused_orders(self) -> bool:
        """A gateway answered an order for this call with an error."""
        return any(
            action.error is not None or any(command.error is not None for command in action.commands)
            for context in self._contexts for draft in context.drafts if isinstance(draft.value, h248.Message)
            for reply in draft.value.body if isinstance(reply, h248.Reply) for action in reply.actions)

    # --- connections

    def connections(self, side: str) -> int:
        """How many connections were opened on a side."""
        return sum(one.termination is not None and one.termination.side == side for one in self._attempts)

    def behind_nat(self, leg: str) -> bool:
        """The connection of a leg passes a NAT."""
        return any(own.name == leg and span is not None and len(span.contents) > 1
                   for own, span, _ in self._call.legs)

    def _pair(self) -> tuple[Attempt, Attempt] | None:
        incoming = next((one for one in self._attempts if one.by_peer), None)
        outgoing = next((one for one in self._attempts if one.by_gateway), None)
        return (incoming, outgoing) if incoming is not None and outgoing is not None else None

    @cached_property
    def triggered(self) -> bool:
        """The first SYN that came in came before the first one that went out."""
        pair = self._pair()
        return pair is not None and pair[0].connection.seen[0] <= pair[1].connection.seen[0]

    @cached_property
    def held_back(self) -> bool:
        """The gateway answered the SYN that came in only when its own was answered, or not at all."""
        pair = self._pair()
        if pair is None:
            return False
        never = 1 << 62
        first, second = (next((frame for frame, flags in one.connection.marks() if flags & SYN and flags & ACK), never)
                         for one in pair)
        return first == never or (second != never and first > second)

    @cached_property
    def ended_by_peer(self) -> bool:
        """A peer sent FIN or RST before anybody said BYE."""
        over = min((draft.time for dialog in self._dialogs for draft in dialog.drafts
                    if isinstance(draft.value, sip.Request) and draft.value.method == "BYE"), default=float("inf"))
        gone = min((end.subtracted for context in self._contexts for end in context.terminations.values()
                    if end.subtracted is not None), default=float("inf"))
        return any(one.answered and one.connection.endings and one.connection.endings[0][0] != one.ours
                   and one.connection.endings[0][1] < min(over, gone) for one in self._attempts)

    @cached_property
    def _said(self) -> list[msrp.Message]:
        return [message.value for leg, span, _ in self._call.legs if span is not None
                for message in self._report.on(leg, "MSRP") if isinstance(message.value, msrp.Request | msrp.Response)]

    @cached_property
    def carried(self) -> bool:
        """Each leg with a connection carried MSRP, and there are at least two."""
        legs = {leg.name for leg, span, _ in self._call.legs if span is not None}
        shown = {leg.name for leg, span, _ in self._call.legs if span is not None
                 and self._report.on(leg, "MSRP")}
        return len(shown) > 1 and shown == legs

    @cached_property
    def longest(self) -> int:
        """Octets of the longest message, all its chunks together."""
        sizes = [int(total) for one in self._said if isinstance(one, msrp.Request)
                 and (total := (one.get("Byte-Range") or "").rpartition("/")[2]).isdecimal() and len(total) < 16]
        return max(sizes, default=0)

    @cached_property
    def unknown_sessions(self) -> bool:
        """Somebody answered 481."""
        return any(isinstance(one, msrp.Response) and one.status == 481 for one in self._said)


def _path(one: Described | None) -> Path:
    try:
        return decode_path((one.media.attribute("path") or "").strip()) if one is not None else ()
    except PeerError:
        return ()


def _began(dialog: DialogSeen) -> float:
    return dialog.drafts[0].time


def _since(context: ContextSeen) -> float:
    return context.since
