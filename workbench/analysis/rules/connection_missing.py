"""A stream with a port and no address: neither the m= section nor the session has a c= line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.errors import PeerError

if TYPE_CHECKING:
    from workbench.analysis.calls.dialogs import Described
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for one in _all(report):
        if one.media.port == 0 or one.endpoint is not None or _has_address(one):
            continue
        yield Evidence(one.draft.frames, (
            f"the {one.role} of {report.names(one.draft.source.host)} has m={one.media.line} and no c= line, neither "
            "there nor for the session: nobody knows where its media goes"))


def _all(report: Report) -> Iterator[Described]:
    for dialog in report.signalling.dialogs.values():
        yield from (one for one in dialog.described if not one.draft.repeated)
    for context in report.signalling.contexts:
        for termination in context.terminations.values():
            yield from termination.locals
            yield from termination.remotes


def _has_address(one: Described) -> bool:
    try:
        return one.description.connection_of(one.media) is not None
    except PeerError:
        return True     # there is one, though it can't be read


rule = Rule("connection-missing", "RFC 8866 §5.7, H.248.1 §7.1.8", "error", "Every stream has a c= line", _find,
            next="Who took the c= line away: compare the description on both sides of each node that rewrites SDP.")
