"""Row N18: what H.248 says on Ix for end-to-end TLS is what it says for a plain TCP call, element by element."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import structs

from workbench import scenarios
from workbench.workplan import elements

PLAIN = {one: {"media_security": False} for one in ("UE A", "UE B")}
# What each call has of its own.
_ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")
# Of end-to-end TLS the gateway is not even told what it is for: `-` in place of `message`.
_MEDIA = re.compile(r" m=\S+ ")


def said_on_ix(scenario, out: Path) -> set[str]:
    """Every element in messages to and from the TrGWs, without addresses."""
    report = scenario.run(seed=3, out=out).report
    messages = [one for one in report.messages_of("H.248") if one.wire.startswith("Ix")]
    assert messages
    return {_MEDIA.sub(" m=* ", _ADDRESS.sub("ADDRESS", element))
            for message in messages for element in elements.of(message.value)}


@pytest.mark.parametrize("id", ["ix-e2e-msrp", "ix-e2e-bfcp"])
def test_end_to_end_tls_needs_no_element_that_tcp_has_not(id, tmp_path):
    """The same two networks and the same ends without TLS: Ix carries the very same elements."""
    secured = scenarios.get(id)
    plain = structs.replace(secured, topology=secured.topology.changed(PLAIN), expect=(), weakened=())
    assert said_on_ix(secured, tmp_path / "tls") == said_on_ix(plain, tmp_path / "tcp")


def test_it_would_be_seen(tmp_path):
    """Against Iq, where TLS ends, the comparison finds what is new."""
    report = scenarios.get("e2ae-msrp-originating").run(seed=3, out=tmp_path).report
    iq = {element for message in report.messages_of("H.248") for element in elements.of(message.value)}
    assert any("TLS" in one for one in iq) and any("fingerprint" in one for one in iq)
