"""The catalogue: one file a scenario, values only. `get` and `all` find them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from workbench.errors import ScenarioError

if TYPE_CHECKING:
    from workbench.lab.scenario import Scenario

# In teaching order. Each id is a module here with its hyphens as underscores, holding one value `scenario`.
IDS = (
    "tcp-stateless-relay", "tcp-aware-a-active", "tcp-aware-b-active", "tcp-delayed", "tcp-merge-terminating",
    "tcp-merge-originating", "tcp-merge-both-behind-nat", "tcp-direction-modified", "tcp-release", "tcp-renegotiation",
    "msrp-cema", "msrp-sessmatch", "msrp-aware-plain", "msrp-aware-cema-plain", "msrp-aware-sessmatch-plain",
    "msrp-aware-cema-sessmatch", "msrp-cema-fallback",
    "e2ae-msrp-originating", "e2ae-msrp-terminating", "e2ae-bfcp-originating",
    "e2ae-bfcp-terminating", "e2ae-bfcp-renegotiation",
    "e2ae-fingerprint-mismatch", "e2ae-handshake-timeout", "e2ae-tls-release",
    "e2ae-early-clienthello", "e2ae-both-behind-nat", "e2ae-man-in-the-middle",
    "t38-dtls-terminating", "t38-dtls-originating", "t38-dtls-failure", "t38-dtls-reoffer",
    "t38-dtls-switch",
    "e2e-a-behind-nat", "e2e-b-behind-nat", "e2e-both-behind-nat", "e2e-tls-b2bua",
    "e2e-annex-d", "e2e-downgrade-guard", "e2e-msrp-kms",
    "ix-e2e-msrp", "ix-e2e-bfcp",
    "mp-tcp-conference", "mp-msrp-dial-in", "mp-msrp-dial-out", "mp-bfcp-dial-in",
)


@cache
def get(id: str) -> Scenario:
    """The scenario of that id. Raises ScenarioError with the ids that exist."""
    from importlib import import_module

    if id not in IDS:
        raise ScenarioError(f"no scenario {id!r}; there are {', '.join(IDS)}")
    scenario: Scenario = import_module(f"workbench.scenarios.{id.replace('-', '_')}").scenario
    return scenario


def all() -> list[Scenario]:
    """Every scenario, in teaching order."""
    return [get(id) for id in IDS]
