"""Two ASN.1 compilers as second opinions on T.38: asn1tools and pycrate make aligned PER of the module, octet by octet
what our hand-written codec makes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import missing

from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import (
    DATA_NAMES,
    FIELD_NAMES,
    INDICATOR_NAMES,
    DataType,
    Fec,
    Field,
    FieldType,
    IfpPacket,
    Indicator,
    UdptlPacket,
)
from workbench.protocols.t38.recorded import NAMES, load

MODULE = Path(__file__).with_name("t38.asn")

Encode = Callable[[str, Any], bytes]
Decode = Callable[[str, bytes], Any]
Codec = tuple[Encode, Decode]


def by_asn1tools() -> Codec:
    """asn1tools has dictionaries, and tuples for choices."""
    try:
        import asn1tools
    except ImportError:
        missing("asn1tools", "pip install asn1tools")
    compiled = asn1tools.compile_files([str(MODULE)], "per")
    return compiled.encode, compiled.decode


def by_pycrate() -> Codec:
    """pycrate's objects, told apart by name; its field names are the module's too."""
    try:
        from pycrate_asn1c.asnproc import GLOBAL, compile_text, generate_modules
        from pycrate_asn1c.generator import PycrateGenerator
    except ImportError:
        missing("pycrate", "pip install pycrate")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "t38_compiled.py"
        compile_text(MODULE.read_text(encoding="utf-8"))
        generate_modules(PycrateGenerator, str(target))
        space: dict[str, Any] = {}
        exec(compile(target.read_text(encoding="utf-8"), str(target), "exec"), space)
        GLOBAL.clear()
    modules = (space["T38"], space["T38_1998"])

    def named(name: str) -> Any:
        attribute = name.replace("-", "_")
        return next(getattr(one, attribute) for one in modules if hasattr(one, attribute))

    def encode(name: str, value: Any) -> bytes:
        made = named(name)
        made.set_val(value)
        return bytes(made.to_aper())

    def decode(name: str, octets: bytes) -> Any:
        made = named(name)
        made.from_aper(octets)
        return made.get_val()

    return encode, decode


@pytest.fixture(scope="module", params=[by_asn1tools, by_pycrate], ids=["asn1tools", "pycrate"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """One of the two."""
    made: Codec = request.param()
    return made


def value_of(packet: IfpPacket) -> dict[str, Any]:
    """An IFP packet as both compilers take it."""
    kind = ("t30-indicator", INDICATOR_NAMES[packet.indicator]) if packet.indicator is not None else (
        "t30-data", DATA_NAMES[packet.data or 0])
    value: dict[str, Any] = {"type-of-msg": kind}
    if packet.fields is not None:
        value["data-field"] = [
            {"field-type": FIELD_NAMES[one.kind], **({} if one.octets is None else {"field-data": one.octets})}
            for one in packet.fields]
    return value


def agrees(codec: Codec, packet: IfpPacket, version: int) -> None:
    name = "IFPPacket-0" if version == 0 else "IFPPacket"
    encode, decode = codec
    octets = ifp.encode(packet, version)
    assert encode(name, value_of(packet)) == octets
    found = decode(name, octets)
    assert {**found, "type-of-msg": tuple(found["type-of-msg"])} == value_of(packet)


FIELDS = st.lists(st.builds(Field, st.sampled_from(FieldType), st.one_of(
    st.none(), st.binary(min_size=1, max_size=300))), max_size=8).map(tuple)


@pytest.mark.parametrize("indicator", Indicator)
def test_every_indicator(codec: Codec, indicator: Indicator) -> None:
    agrees(codec, IfpPacket(indicator=indicator), 3)
    if indicator < 16:
        agrees(codec, IfpPacket(indicator=indicator), 0)


@pytest.mark.parametrize("field", FieldType)
def test_every_data_type_with_every_field_type(codec: Codec, field: FieldType) -> None:
    """With octets, without, and several without in a row, where PER packs bits."""
    shapes = ((Field(field, b"\x01\x02"),), (Field(field),), (Field(field),) * 7, (Field(field), Field(0, b"x")))
    for kind, fields in itertools.product(DataType, shapes):
        agrees(codec, IfpPacket(data=kind, fields=fields), 3)
        if kind < 9 and field < 8:
            agrees(codec, IfpPacket(data=kind, fields=fields), 0)


@pytest.mark.parametrize("name", NAMES)
def test_every_packet_of_a_recorded_fax(codec: Codec, name: str) -> None:
    """What real terminals sent: the compilers make the same octets of it."""
    call = load(name)
    for octets in {one.octets for one in call.packets}:
        agrees(codec, ifp.decode(octets, call.version), call.version)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FIELDS, st.sampled_from(DataType))
def test_any_packet(codec: Codec, fields: tuple[Field, ...], kind: DataType) -> None:
    agrees(codec, IfpPacket(data=kind, fields=fields), 3)
    if kind < 9 and all(one.kind < 8 for one in fields):
        agrees(codec, IfpPacket(data=kind, fields=fields), 0)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 65535), st.binary(min_size=1, max_size=400),
       st.lists(st.binary(max_size=200), max_size=5).map(tuple), st.one_of(st.none(), st.integers(0, 255)))
def test_any_udptl_packet(codec: Codec, number: int, primary: bytes, entries: tuple[bytes, ...],
                          span: int | None) -> None:
    """Redundancy and FEC, lengths of one octet and of two."""
    packet = UdptlPacket(number, primary, entries) if span is None else UdptlPacket(
        number, primary, (), Fec(span, entries))
    recovery: tuple[str, Any] = ("secondary-ifp-packets", list(entries)) if span is None else (
        "fec-info", {"fec-npackets": span, "fec-data": list(entries)})
    value = {"seq-number": number, "primary-ifp-packet": primary, "error-recovery": recovery}
    encode, decode = codec
    octets = udptl.encode(packet)
    assert encode("UDPTLPacket", value) == octets
    found = decode("UDPTLPacket", octets)
    assert {**found, "error-recovery": tuple(found["error-recovery"])} == value
