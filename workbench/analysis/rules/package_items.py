"""The packaged names that the H.248 orders of a capture use, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import ItemKind

if TYPE_CHECKING:
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

_MOST = 1000


class Used(msgspec.Struct, frozen=True):
    """A packaged name where it was used first.

    Args:
        where: the descriptor: `LocalControl`, `TerminationState`, `Events` or `Signals`.
    """

    name: str
    kind: ItemKind
    where: str
    draft: Draft


def used(report: Report) -> list[Used]:
    """Each name of each kind in each descriptor, in order of the first use; wildcards left out."""
    found: dict[tuple[str, str], Used] = {}
    for order in report.signalling.orders:
        for action in order.request.actions:
            for command in action.commands:
                for name, kind, where in _named(command):
                    package, slash, item = name.partition("/")
                    if slash and "*" not in (package, item) and len(found) < _MOST:
                        found.setdefault((name.casefold(), where), Used(name, kind, where, order.draft))
    return list(found.values())


def _named(command: h248.Command) -> Iterator[tuple[str, ItemKind, str]]:
    for descriptor in command.descriptors:
        match descriptor:
            case h248.Media():
                yield from _of_media(descriptor)
            case h248.Events():
                yield from ((event.name, ItemKind.EVENT, "Events") for event in descriptor.events)
            case h248.ObservedEvents():
                yield from ((event.name, ItemKind.EVENT, "Events") for event in descriptor.events)
            case h248.Signals():
                for item in descriptor.items:
                    for signal in item.signals if isinstance(item, h248.SignalList) else (item,):
                        yield signal.name, ItemKind.SIGNAL, "Signals"


def _of_media(media: h248.Media) -> Iterator[tuple[str, ItemKind, str]]:
    if media.termination_state is not None:
        yield from ((one.name, ItemKind.PROPERTY, "TerminationState") for one in media.termination_state.properties)
    for stream in media.streams:
        if stream.local_control is not None:
            yield from ((one.name, ItemKind.PROPERTY, "LocalControl") for one in stream.local_control.properties)
