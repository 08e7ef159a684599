"""The catalogue of meanings: one TOML file a protocol, read when a name of that protocol is first asked for.

A table a field name (`["tls.record.type"]`) with `label`, `meaning`, `clause`, optionally `tag` (GK or DES: not looked
up, or a decision of this project) and `values` (meanings of single values); or `same` alone, the name of the entry that
says it already. A name with `*` in it stands for a family:
`sip.header.*` is what is said of a header that has no entry of its own. The most specific family wins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from workbench.analysis.explain.fields import Field
from workbench.protocols.layout import Span

UNDECODED = "undecoded"


class Entry(msgspec.Struct, frozen=True):
    """What the catalogue says of a field name or of a family of names."""

    name: str
    label: str
    meaning: str
    clause: str = ""
    provisional: bool = False
    values: dict[str, str] = {}
    same: str = ""      # name of the entry that has the words

    @property
    def family(self) -> bool:
        """It stands for many names."""
        return "*" in self.name

    def of_value(self, value: str) -> str:
        """What this value means: by the whole value, else by its first word (a number from a registry)."""
        if not value or not self.values:
            return ""
        return self.values.get(value) or self.values.get(value.split(" ", 1)[0], "")


class Catalogue:
    """Entries by name, with families as the fallback."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._own = {name: entry for name, entry in entries.items() if not entry.family}
        families = [entry for entry in entries.values() if entry.family]
        # The longer the fixed text, the more specific the family.
        families.sort(key=lambda entry: (-len(entry.name.replace("*", "")), entry.name))
        self._families = [(_pattern(entry.name), entry) for entry in families]
        self._found: dict[str, Entry | None] = {}

    def __len__(self) -> int:
        return len(self._own) + len(self._families)

    @property
    def names(self) -> list[str]:
        """All names with an entry of their own."""
        return sorted(self._own)

    def find(self, name: str) -> Entry | None:
        """The entry of a name, else that of its most specific family, else None."""
        if name in self._own:
            return self._own[name]
        if name not in self._found:
            if len(self._found) > 10_000:  # names may come from a capture
                self._found.clear()
            self._found[name] = next((entry for pattern, entry in self._families if pattern.fullmatch(name)), None)
        return self._found[name]

    def field(self, span: Span, children: tuple[Field, ...] = ()) -> Field:
        """A span said in words. Without an entry the label is made from the name, and nothing is claimed."""
        entry = self.find(span.name)
        if entry is None:
            return Field(span.name, _spoken(span.name), span.start, span.end, span.value, own=False, known=False,
                         children=children)
        family = entry.family
        label = entry.label.replace("*", _member(entry.name, span.name)) if family else entry.label
        detail = entry.of_value(span.value)
        meaning = f"{entry.meaning} {detail}".strip() if detail else entry.meaning
        return Field(
            span.name, label, span.start, span.end, span.value, meaning, entry.clause, entry.provisional,
            own=not family, known=not span.name.endswith(UNDECODED), children=children,
        )


@cache
def catalogue() -> Catalogue:
    """The catalogue of all protocols, read once."""
    entries: dict[str, Entry] = {}
    folder = resources.files("workbench.analysis.explain") / "catalogue"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            entries.update(read(file.read_text(encoding="utf-8"), file.name))
    return Catalogue({name: _resolved(entry, entries) for name, entry in entries.items()})


def _resolved(entry: Entry, entries: Mapping[str, Entry]) -> Entry:
    """An entry that says the same as another one, filled from that one."""
    if not entry.same:
        return entry
    if entry.same not in entries or entries[entry.same].same:
        raise ValueError(f"[{entry.name}] is the same as {entry.same}, which has no entry of its own")
    return msgspec.structs.replace(entries[entry.same], name=entry.name)


def read(text: str, source: str = "catalogue") -> dict[str, Entry]:
    """Entries of one catalogue file.

    Raises:
        ValueError: not TOML, or an entry without label or meaning: a mistake in this package, not of a peer.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: {error}") from error
    return {name: _entry(name, table, source) for name, table in tables.items()}


def _entry(name: str, table: Any, source: str) -> Entry:
    if isinstance(table, dict) and set(table) == {"same"}:
        return Entry(name, "", "", same=str(table["same"]))
    if not isinstance(table, dict) or not table.get("label") or not table.get("meaning"):
        raise ValueError(f"{source}: [{name}] needs a label and a meaning")
    values = {str(value): str(said) for value, said in table.get("values", {}).items()}
    return Entry(name, str(table["label"]), str(table["meaning"]).strip(), str(table.get("clause", "")),
                 table.get("tag", "") in ("GK", "DES"), values)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(part) for part in name.split("*")), re.DOTALL)


def _member(family: str, name: str) -> str:
    """What stands for the first `*` of a family in a name."""
    before, _, after = family.partition("*")
    after = after.partition("*")[0]
    member = name[len(before):]
    cut = member.find(after) if after else -1
    return member[:cut] if cut > 0 else member


def _spoken(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ") or name
