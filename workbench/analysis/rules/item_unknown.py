"""A known package is used with an item that it does not have, or with one in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.package_items import Used, used
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248.packages import ItemKind, registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_ERRORS = {ItemKind.PROPERTY: 450, ItemKind.EVENT: 451, ItemKind.SIGNAL: 452, ItemKind.STATISTIC: 453}
_PLACES = ("LocalControl", "TerminationState")


def _find(report: Report) -> Iterator[Evidence]:
    for one in report.once(used):
        why = _wrong(one)
        if why:
            sender = report.names(one.draft.source.host)
            yield Evidence(one.draft.frames, f"{sender} uses {one.name} in {one.where}; {why}")


def _wrong(one: Used) -> str:
    package = registry().package(one.name.partition("/")[0])
    if package is None:
        return ""
    item = registry().lookup(one.name, one.kind)
    if item is None:
        # Of a package without any item of that kind the registry may just not have them.
        if not any(known.kind is one.kind for known in package.items):
            return ""
        return f"package {package.name} has no such {one.kind} (error {_ERRORS[one.kind]})"
    place = item.descriptor.partition(" ")[0]       # TerminationState of ROOT
    if place in _PLACES and one.where in _PLACES and place != one.where:
        return f"it belongs into {item.descriptor} (error 455)"
    return ""


rule = Rule("item-unknown", "H.248.1 §12, H.248.8 (450 to 455)", "warning",
            "Properties, events and signals are those of their package, in the descriptor where they belong", _find,
            provisional=True,
            next="The version of the package that the other side has, and how the other side answers.")
