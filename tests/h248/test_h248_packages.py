"""The package registry: what stands in it, and who may spell what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import workbench
from workbench.errors import LocalProtocolError, ScenarioError
from workbench.protocols.h248 import binary, layout, text
from workbench.protocols.h248.packages import Certainty, ItemKind, Registry, laid_over, registry

ROOM = Path(workbench.__file__).parent


def test_numbers():
    """Names and ids of the packages on Iq (TS 29.334 §5.14)."""
    expected = {
        "g": 0x1, "root": 0x2, "ipnapt": 0x99, "gm": 0x8C, "tman": 0x8D, "ipdc": 0x9D, "hangterm": 0x98,
        "ds": 0x8B, "rtcph": 0xB5, "it": 0x45, "ocp": 0x51, "chp": 0x29, "ipra": 0xE0, "adid": 0x9C,
        "tcpbcc": 0x115, "tlsbsc": 0x117, "seplink": 0x11B, "dtlscn": 0x11E, "tcphp": 0x10E,
    }  # fmt: skip
    assert {name: registry().package(name).id for name in expected} == expected


def test_ids_and_names_are_unique():
    """No two packages share a name or an id."""
    names = [package.name for package in registry().packages if package.name]
    ids = [package.id for package in registry().packages if package.id is not None]
    assert len(names) == len(set(names)) and len(ids) == len(set(ids))
    assert registry().package_by_id(0x9D).name == "ipdc"
    assert registry().package_by_id(0x7FFF) is None


def test_items():
    """An item is found by its name in letters of either case, also in a package that is extended."""
    latch = registry().lookup("IPNAPT/latch")
    assert (latch.kind, latch.id, latch.tag) == (ItemKind.SIGNAL, 1, Certainty.GENERAL_KNOWLEDGE)
    assert [label.label for label in latch.parameter("NAPT").values] == ["OFF", "LATCH", "RELATCH"]
    assert registry().lookup("g/cause").parameter("Generalcause").values[2].meaning == "temporary failure"
    assert registry().lookup("rtp/os").wire_name == "nt/os"
    assert registry().lookup("rtp/jit", ItemKind.STATISTIC).wire_name == "rtp/jit"
    assert registry().lookup("ipdc/nothing") is None and registry().lookup("nothing") is None


def test_roles():
    """Nodes ask for what they need; the registry spells it."""
    known = registry()
    assert known.role(known.wire_name("tcp-establish")) == "tcp-establish"
    assert known.lookup(known.wire_name("tls-change")).kind is ItemKind.EVENT
    labels = [label.label for label in known.lookup(known.wire_name("tls-change")).parameters[0].values]
    assert [known.wire_name(f"tls-{what}") for what in ("established", "released", "failed")] == labels
    assert (
        known.role_of_parameter(known.wire_name("tcp-change"), known.wire_name("tcp-change-type")) == "tcp-change-type"
    )
    with pytest.raises(LocalProtocolError, match="no package plays the role"):
        known.wire_name("tcp-dance")


def test_profiles_are_provisional():
    """Nobody here has read the profile names."""
    assert registry().profile("iq").wire_name == "profilename/1"
    assert all(profile.tag.provisional for profile in registry().profiles)
    with pytest.raises(LocalProtocolError):
        registry().profile("mn")


def test_a_file_of_the_users_overrides(tmp_path):
    """Roles, items, whole packages and profiles can be said anew."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[tcpbcc.roles]\ntcp-establish = "tcpbcc/Open"\n[tcpbcc.signals.Open]\nid = 5\ntag = "S"\n'
        '[mine.properties.colour]\ntype = "string"\n[profiles.iq]\nname = "threegagw"\ntag = "S"\n'
    )
    known = Registry.load(mine)
    assert known.wire_name("tcp-establish") == "tcpbcc/Open"
    assert known.lookup("tcpbcc/Open").id == 5
    assert known.lookup("mine/colour").type == "string"
    assert known.profile("iq").wire_name == "threegagw/1"
    assert registry().profile("iq").name == "profilename"


def test_a_file_of_the_users_within_a_block(tmp_path):
    """Codecs and explanations that are given no registry use the one that is laid over; afterwards they do not."""
    mine = tmp_path / "mine.toml"
    mine.write_text("[tcpbcc.events.BNCChange]\nid = 7\n")
    order = text.decode(b"MEGACO/2 [192.0.2.1] Transaction=1{Context=1{Modify=ROOT{Events=1{tcpbcc/BNCChange}}}}")
    with pytest.raises(LocalProtocolError, match="tcpbcc/BNCChange"):
        binary.encode(order)
    with laid_over(mine) as known:
        assert registry() is known
        octets = binary.encode(order)
        assert binary.decode(octets) == order
        assert any("BNCChange" in said for said in labels(octets))
    assert registry() is Registry.load() is not known
    assert binary.decode(octets) != order
    assert not any("BNCChange" in said for said in labels(octets))
    with pytest.raises(ScenarioError), laid_over(tmp_path / "none.toml"):
        raise AssertionError("not reached")


def labels(octets):
    """What the layout says of each part."""
    spans = list(layout.spans(octets))
    while spans:
        span = spans.pop()
        yield span.value
        spans += span.children


@pytest.mark.parametrize(
    "written",
    [
        "no toml",
        "tcpbcc = 1",
        "[tcpbcc]\nid = 'x'",
        '[tcpbcc.roles]\ntcp-establish = "tcpbcc/Gone"',
        '[g.events.cause]\ntag = "certain"',
        "[profiles.iq]\nversion = 'x'",
    ],
)
def test_a_wrong_file_is_refused(tmp_path, written):
    """What the registry has no place for is said, with the file's name."""
    mine = tmp_path / "mine.toml"
    mine.write_text(written)
    with pytest.raises(ScenarioError, match=r"mine\.toml"):
        Registry.load(mine)


def test_a_missing_file_is_refused(tmp_path):
    """A file that is not there is an error of whoever named it."""
    with pytest.raises(ScenarioError):
        Registry.load(tmp_path / "none.toml")


def test_provisional_names_stand_in_the_registry_only():
    """No other file of the package spells an item of TCP or TLS control."""
    pattern = re.compile(r"(?:tcpbcc|tlsbsc)/\w+")
    for path in [*ROOM.rglob("*.py"), *ROOM.rglob("*.toml")]:
        if "packages" not in path.parts:
            assert not pattern.findall(path.read_text(encoding="utf-8")), path
