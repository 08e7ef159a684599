"""The eMediasec workbench: IMS media plane security, built live, captured, decoded and explained.

    import workbench
    run = workbench.scenarios.get("e2ae-msrp-originating").run(seed=1)
    report = workbench.analyze("call.pcapng", keylog="keys.txt")

Rooms are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from workbench import analysis, lab, scenarios, views
    from workbench.analysis.analyzing import analyze

__all__ = ["__version__", "analysis", "analyze", "lab", "scenarios", "views"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "analyze":
        from workbench.analysis.analyzing import analyze

        return analyze
    if name in __all__:
        return import_module(f"workbench.{name}")
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")
