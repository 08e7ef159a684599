"""A description changes, and the version in its o= line does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.exchanges import Sent, descriptions
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.errors import PeerError
from workbench.protocols import sip

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        before: dict[tuple[str, str, str], Sent] = {}
        for sent in descriptions(dialog):
            draft = sent[0].draft
            # Forked answers are descriptions of different UEs.
            tag = draft.value.to_tag if isinstance(draft.value, sip.Response) else draft.value.from_tag
            key = (draft.source.host, draft.destination.host, tag)
            former = before.get(key)
            before[key] = sent
            if former is not None and _same_version(former, sent) and former[0].description != sent[0].description:
                yield Evidence((*former[0].draft.frames, *draft.frames), (
                    f"{report.names(draft.source.host)} sends another description in {draft.summary.partition(' (')[0]}"
                    f" under the same o= line ({sent[0].description.value('o')}): a receiver that goes by the version "
                    "does not see what has changed"))


def _same_version(former: Sent, sent: Sent) -> bool:
    try:
        a, b = former[0].description.origin, sent[0].description.origin
    except PeerError:
        return False
    return a is not None and a == b


rule = Rule("sdp-version", "RFC 3264 §8, RFC 8866 §5.2", "error",
            "A description that changes has a higher version in o=", _find,
            next="What differs between the two descriptions, and whether the receiver acted on it: addresses, ports, "
                 "a=setup and a=fingerprint.")
