"""The package registry has every row of the overview of numbers, with names and ids as sure as they are there."""

from __future__ import annotations

import pytest

from workbench.protocols.h248 import binary
from workbench.protocols.h248.binary.names import Names
from workbench.protocols.h248.binary.values import Values
from workbench.protocols.h248.packages import Certainty, ItemKind, registry

S, GK = Certainty.SEEN, Certainty.GENERAL_KNOWLEDGE

NAMED = [
    ("g", 0x0001, 2, S), ("root", 0x0002, 2, S), ("tonegen", 0x0003, 2, S), ("tonedet", 0x0004, 1, S),
    ("dg", 0x0005, 2, S), ("dd", 0x0006, 2, S), ("cg", 0x0007, 2, S), ("cd", 0x0008, 1, S), ("al", 0x0009, 1, S),
    ("ct", 0x000A, 1, S), ("nt", 0x000B, 1, S), ("rtp", 0x000C, 2, S), ("tdmc", 0x000D, 1, S), ("gb", 0x0021, 1, S),
    ("chp", 0x0029, 1, S), ("it", 0x0045, 1, S), ("ocp", 0x0051, 1, S), ("ds", 0x008B, 2, S), ("gm", 0x008C, 2, S),
    ("tman", 0x008D, 1, S), ("hangterm", 0x0098, 1, S), ("ipnapt", 0x0099, 1, S), ("nb", 0x009A, 1, GK),
    ("adid", 0x009C, 1, S), ("ipdc", 0x009D, 1, S), ("mgcinfo", 0x00A0, 1, GK), ("seg", 0x00A3, 1, GK),
    ("adr", 0x00AC, 1, GK), ("stac", 0x00AE, 1, GK), ("rtcph", 0x00B5, 1, S), ("stunb", 0x00BD, 1, S),
    ("mgastuns", 0x00C2, 1, GK), ("ostuncc", 0x00C3, 1, GK), ("mgcostun", 0x00C4, 1, GK), ("rtpad", 0x00CB, 1, GK),
    ("ipra", 0x00E0, 1, S), ("lstat", 0x00E4, 1, GK), ("srtp", 0x0107, 1, GK), ("tcphp", 0x010E, 1, S),
    ("tcpbcc", 0x0115, 1, S), ("tcprm", 0x0116, 1, S), ("tlsbsc", 0x0117, 1, S), ("tlscn", 0x0118, 1, S),
    ("tlsm", 0x0119, 1, S), ("tlstv", 0x011A, 1, S), ("seplink", 0x011B, 1, S), ("dtlscn", 0x011E, 1, S),
    ("msrpstat", 0x00EA, 1, S), ("msrpcs", 0x00EB, 1, S), ("fcp", 0x006E, 1, S),
]  # fmt: skip
"""Text name, id, version, and how sure the name is. All these ids were seen."""

UNNAMED = [
    *(0x00B6, 0x00B7, 0x00B8, 0x00B9, 0x00BA),  # H.248.43
    *(0x00BE, 0x00BF, 0x00C0, 0x00C1),  # H.248.50
    *(0x00C7, 0x00E1, 0x00C8, 0x00C9, 0x00D0, 0x00E8),  # H.248.52, .53, .61
    *range(0x00EC, 0x00F2),  # H.248.69
    *(0x0108, 0x0109, 0x010A),  # H.248.78, .80
]
"""Ids of packages whose text names nobody here knows."""

WITHOUT_AN_ID = [
    "NAT-traversal peer-to-peer",
    "TCP traffic volume metrics",
    "Media grouping",
    "SCTP basic connection control",
]
"""Packages that exist, and of which neither is known."""


@pytest.mark.parametrize(("name", "number", "version", "tag"), NAMED, ids=str)
def test_named(name, number, version, tag):
    """A package is found by its name and by its id, and says how sure both are."""
    package = registry().package(name)
    assert (package.id, package.version) == (number, version)
    assert registry().package_by_id(number) is package
    assert package.name_tag.provisional == tag.provisional
    assert package.id_tag is S
    assert package.source and package.title


@pytest.mark.parametrize("number", UNNAMED, ids=hex)
def test_unnamed(number):
    """A package without a name has its id, and a title that says what it is."""
    package = registry().package_by_id(number)
    assert not package.name and package.title and package.id_tag is S


@pytest.mark.parametrize("title", WITHOUT_AN_ID)
def test_without_an_id(title):
    """A package of which only the existence is known is there too."""
    assert [p for p in registry().packages if title in p.title and p.id is None and not p.name]


def test_every_item_with_a_number_has_a_type():
    """Binary can carry a value only if it knows what it is; enumerations have numbers, or say that they have none."""
    known = {"boolean", "integer", "double", "string", "character", "octet string", "enumeration", "signal name"}
    for package in registry().packages:
        for item in package.items:
            valued = item.kind in (ItemKind.PROPERTY, ItemKind.STATISTIC)
            for what in ([item] if valued else []) + list(item.parameters):
                if what.id is not None:
                    assert what.type.removeprefix("sub-list of ") in known, (item.wire_name, what.name)


def test_numbers_are_unique_within_a_kind():
    """No two items of a kind in a package share a number, nor two parameters of an item."""
    for package in registry().packages:
        for kind in ItemKind:
            ids = [item.id for item in package.items if item.kind is kind and item.id is not None]
            assert len(ids) == len(set(ids)), (package.name, kind)
        for item in package.items:
            ids = [parameter.id for parameter in item.parameters if parameter.id is not None]
            assert len(ids) == len(set(ids)), item.wire_name


def test_every_item_with_a_number_goes_both_ways():
    """Name to number and back, for every item of every package, extended ones too."""
    names = Names(registry(), Values.WRAPPED)
    for package in registry().packages:
        for item in package.items:
            if item.id is None or package.id is None:
                continue
            octets = names.write[item.kind][item.wire_name].octets
            assert names.read[item.kind][octets].text == item.wire_name
            codec = names.read[item.kind][octets]
            for parameter in item.parameters:
                if parameter.id is not None:
                    assert codec.read[codec.write[parameter.name].octets].text == parameter.name
    assert binary.decode  # the same tables as the codec's


# What Erlang/OTP's megaco 4.4.2 has in its own table of numbers (megaco_binary_name_resolver), item by item.
MEGACO = """
event g/cause 00010001 Generalcause 1 Failurecause 2
event g/sc 00010002 SigID 1 Meth 2 SLID 3
property root/maxNumberOfContexts 00020001
property root/maxTerminationsPerContext 00020002
property root/normalMGExecutionTime 00020003
property root/normalMGCExecutionTime 00020004
property root/MGProvisionalResponseTimerValue 00020005
property root/MGCProvisionalResponseTimerValue 00020006
property root/MGCOriginatedPendingLimit 00020007
property root/MGOriginatedPendingLimit 00020008
signal tonegen/pt 00030001 tl 1 ind 2
event tonedet/std 00040001 tl 1 tid 3
event tonedet/etd 00040002 tl 1 dur 2 tid 3
event tonedet/ltd 00040003 tl 1 dur 2 tid 3
event dd/ce 00060004 ds 1 Meth 3
event al/on 00090004 strict 1 init 2
event al/of 00090005 strict 1 init 2
event al/fl 00090006 mindur 4 maxdur 5
signal al/ri 00090002 cad 6 freq 7
event ct/cmp 000a0005 res 8
signal ct/ct 000a0003
signal ct/rsp 000a0004
property nt/jit 000b0007
event nt/netfail 000b0005 cs 1
event nt/qualert 000b0006 th 1
statistic nt/dur 000b0001
statistic nt/os 000b0002
statistic nt/or 000b0003
event rtp/pltrans 000c0001 rtppltype 1
statistic rtp/ps 000c0004
statistic rtp/pr 000c0005
statistic rtp/pl 000c0006
statistic rtp/jit 000c0007
statistic rtp/delay 000c0008
property tdmc/ec 000d0008
property tdmc/gain 000d000a
"""
DIGITS = "0123456789abcd"
TONES = ("dt", "rt", "bt", "ct", "sit", "wt", "prt", "cw", "cr")


def test_numbers_are_those_of_megaco():
    """Packages of H.248.1 Annex E, against an implementation that has been talking to others for twenty years."""
    names = Names(registry(), Values.WRAPPED)
    for line in MEGACO.split("\n")[1:-1]:
        kind, name, octets, *parameters = line.split()
        codec = names.write[ItemKind(kind)][name]
        assert codec.octets.hex() == octets, name
        for parameter, number in zip(parameters[::2], parameters[1::2], strict=True):
            assert codec.write[parameter].octets == bytes((0, int(number))), (name, parameter)
    for kind, package in ((ItemKind.SIGNAL, "dg"), (ItemKind.EVENT, "dd")):
        number = registry().package(package).id
        for digit, item in [*((f"d{d}", 0x10 + i) for i, d in enumerate(DIGITS)), ("ds", 0x20), ("do", 0x21)]:
            assert names.write[kind][f"{package}/{digit}"].octets == bytes((0, number, 0, item))
    for kind, package in ((ItemKind.SIGNAL, "cg"), (ItemKind.EVENT, "cd")):
        number = registry().package(package).id
        for item, tone in enumerate(TONES, 0x30):
            assert names.write[kind][f"{package}/{tone}"].octets == bytes((0, number, 0, item))
