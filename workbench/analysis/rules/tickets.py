"""What tickets in offers may not be: contradictory, with keys that can be read, out of their time, used again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import first_seen, keyed_dialogs, said_by
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.mikey import rules, times
from workbench.protocols.mikey.messages import Ticket, TicketPolicy
from workbench.protocols.mikey.registry import DataType, Flag, flag_letters

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report


def _flags(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        asked = [(policy, rules.asked_faults(policy)) for policy in one.message.all(TicketPolicy)]
        made = [(ticket.policy, (*rules.flag_faults(ticket.policy), *rules.supply_faults(one.message, ticket.policy)))
                for ticket in one.message.all(Ticket)]
        for policy, faults in (*asked, *made):
            if faults:
                yield Evidence(one.frames, (
                    f"{one.who} sends {one.keyed.name} with a ticket of flags {flag_letters(policy.flags)}: "
                    f"{'; '.join(fault.what for fault in faults)}. Its receiver has to refuse it"))


def _keys(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        for fault in rules.key_faults(one.message):
            yield Evidence(one.frames, (
                f"{one.who} sends {one.keyed.name} with {fault.what} [{fault.clause}]: whoever reads the signalling "
                "may have it"))


def _time(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        stamp, ticket = one.message.timestamp(), one.message.first(Ticket)
        now = None if stamp is None else times.seconds(stamp.kind, stamp.value)
        if stamp is None or ticket is None or now is None:
            continue
        fault = rules.time_fault(ticket.policy, now)
        if fault is not None:
            yield Evidence(one.frames, (
                f"{one.who} sends {one.keyed.name} of {times.text(stamp.kind, stamp.value)}, and {fault.what}: the KMS "
                "refuses to resolve it"))


def _replayed(report: Report) -> Iterator[Evidence]:
    """The same message in offers of two calls. On the legs of one call it has to be the same."""
    seen: dict[str, tuple[int, Described]] = {}
    known = keyed_dialogs(report)
    for number, call in enumerate(report.calls if known else ()):
        for dialog in (one for one in call.dialogs if one.call_id in known):
            for one, keyed in said_by(dialog):
                if keyed.message is None or keyed.message.header.data_type != DataType.TRANSFER_INIT:
                    continue
                earlier, first = seen.setdefault(keyed.text, (number, one))
                ticket = keyed.message.first(Ticket)
                if earlier == number or (ticket is not None and ticket.policy.has(Flag.J)):
                    continue
                seen[keyed.text] = (number, first)
                yield Evidence((*first.draft.frames, *one.draft.frames), (
                    f"{report.names(one.draft.source.host)} sends the TRANSFER_INIT of an earlier call once more, "
                    "octet for octet. Its ticket may be used once (flag J is not set): somebody may replay what was "
                    "recorded"))


flags_rule = Rule(
    "ticket-flags", "RFC 6043 §6.10", "error",
    "The flags of a ticket agree with each other, and with who supplies keys", _flags,
    next="What the initiator asked for in REQUEST_INIT and what the KMS granted (flag K), in the exchange before the "
         "call.")
keys_rule = Rule(
    "ticket-keys-readable", "RFC 6043 §6.6, §6.10", "error",
    "A granted ticket has no KEMAC in its policy, and no key goes unencrypted", _keys,
    next="Which node made the ticket: the KMS (flag D) or the initiator. Those keys must not be used any more.")
time_rule = Rule(
    "ticket-out-of-time", "RFC 6043 §6.10", "error", "A ticket is used between its TRs and TRe", _time,
    next="The clocks of UE and KMS, and for how long the UE keeps tickets that may be used again.")
replayed_rule = Rule(
    "transfer-replayed", "RFC 6043 §5.3, RFC 3830 §5.4", "warning", "No TRANSFER_INIT is sent in two calls", _replayed,
    next="Where the second INVITE came from, and whether the responder refused it.")
