"""An order uses a package that the registry does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.package_items import used
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    told: set[str] = set()
    for one in report.once(used):
        package = one.name.partition("/")[0].casefold()
        if package not in told and registry().package(package) is None:
            told.add(package)
            yield Evidence(one.draft.frames, (
                f"{report.names(one.draft.source.host)} uses {one.name} ({one.kind}), and no package {package} is in "
                "the registry: what it means, and whether it is used as it should be, is not known here"))


rule = Rule("package-unknown", "H.248.1 §6.2.3, §12, H.248.8 (440)", "note", "Orders use packages of the registry",
            _find,
            next="The profile that gateway and controller agreed on. A file of your own adds a package: "
                 "`workbench analyze --packages FILE`.")
