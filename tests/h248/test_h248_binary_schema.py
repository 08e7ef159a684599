"""The tables of the binary encoding against the compiled module of another implementation."""

from __future__ import annotations

from typing import Any

from pycrate_asn1dir import H248 as oracle

from workbench.protocols.h248.binary.schema import MODULE, TOP, Shape


def compiled() -> dict[str, Any]:
    module = oracle.MEDIA_GATEWAY_CONTROL
    return {name: getattr(module, name.replace("-", "_")) for name in module._obj_}


def limits(thing: Any) -> tuple[int | None, int | None]:
    found = getattr(thing, "_const_sz", None) or getattr(thing, "_const_val", None)
    if not found:
        return None, None
    (only,) = found.root
    return (only, only) if isinstance(only, int) else (only.lb, only.ub)


def same(name: str, thing: Any, seen: set[str]) -> None:
    """Our type and the oracle's are the same all the way down."""
    if name in seen:
        return
    seen.add(name)
    ours = MODULE[name]
    assert ours.shape == thing.TYPE, name
    assert (ours.low, ours.high) == limits(thing), name
    if ours.shape in (Shape.SEQUENCE, Shape.CHOICE):
        assert [component.name for component in ours.components] == list(thing._cont), name
        assert ours.extensible == (thing._ext is not None), name
        for component, theirs in zip(ours.components, thing._cont.values(), strict=True):
            number, kind, way = theirs._tag
            assert (component.number, component.optional, component.explicit) == (
                number, bool(theirs._opt), way == "EXPLICIT"), (name, component)  # fmt: skip
            assert kind == "CONTEXT-SPECIFIC"
            assert (component.since > 1) == (component.name in (thing._ext or ())), (name, component)
            same(component.type, theirs, seen)
    elif ours.shape is Shape.SEQUENCE_OF:
        same(ours.of, thing._cont, seen)
    elif ours.words:
        assert {word: number for number, word in ours.words.items()} == dict(thing._cont), name


def test_every_type_is_the_module_s():
    """Names, tags, explicit or implicit, optional, limits, words and extension markers (H.248.1 Annex A)."""
    seen: set[str] = set()
    for name, thing in compiled().items():
        same(name, thing, seen)
    assert len(seen) > 150 and TOP in seen


def test_every_type_named_is_there():
    """Whoever walks along the tables never falls off."""
    for found in MODULE.values():
        for component in found.components:
            assert component.type in MODULE
        assert not found.of or found.of in MODULE
        assert [component.number for component in found.components] == list(range(len(found.components)))
    assert MODULE["Signal"].component(2).name == "sigType"
    assert MODULE["Signal"].component(10) is None
    assert {shape.universal for shape in Shape} == {16, None, 2, 1, 5, 10, 3, 4, 22, 6}
