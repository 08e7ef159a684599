"""Writes the reference pages of this folder from the code: `.venv/bin/python docs/generate.py`.

Each page is a function of values that the package holds; a test holds that the stored pages are what this gives.
With `--check` nothing is written, and exit status 1 says that a page is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from workbench import scenarios
from workbench.analysis.rules import RULES
from workbench.lab.expect import Eventually, Expectation, Holds, InOrder, Never
from workbench.lab.scenario import Scenario, Weakened
from workbench.protocols.h248.packages import Certainty, Item, Label, Package, Parameter, registry

HERE = Path(__file__).parent

GENERATED = "<!-- Written by docs/generate.py from the code; change the code, then run it. -->"

CERTAINTY = {
    Certainty.SEEN: "seen",
    Certainty.GENERAL_KNOWLEDGE: "**provisional** (general knowledge)",
    Certainty.DEDUCED: "**provisional** (deduced)",
}

KINDS = {"Ue": "UE", "Alg": "IMS-ALG", "Ibcf": "IBCF", "Trgw": "TrGW", "Agw": "IMS-AGW", "Behind": "NAT",
         "Taken": "man in the middle"}

OVERRIDE = """```toml
[tcpbcc]
version = 2
[tcpbcc.roles]
tcp-establish = "tcpbcc/Establish"
[tcpbcc.signals.Establish]
id = 0x0001
type = "Brief"
meaning = "Open TCP now."
tag = "S"
id_tag = "S"

[profiles.iq]
name = "mygateway"
version = 2
tag = "S"
```"""

SEVERITY = {"error": "breaks the specification; `workbench analyze` ends with status 1",
            "warning": "allowed, or not ours to judge, and worth a look", "note": "good to know"}


def scenario_page() -> str:
    """The catalogue of scenarios."""
    found = scenarios.all()
    parts = [
        "# Scenarios", GENERATED,
        "Each runs live on the virtual network and is judged on the capture that it writes: `workbench run ID`. A "
        "verdict is `pass`, `fail`, or `inconclusive` where the capture does not show what the sentence needs.",
        table(("Scenario", "Title"), ((f"[{one.id}](#{one.id})", one.title) for one in found)),
    ]
    for family, members in groupby(found, key=lambda one: one.family):
        parts.append(f"## {family}")
        parts += [part for one in members for part in _scenario(one)]
    return page(parts)


def _scenario(one: Scenario) -> Iterator[str]:
    yield f"### {one.id}"
    yield f"**{one.title}**"
    yield one.teaching
    yield lines((f"Clauses: {'; '.join(one.clauses)}", f"Rows of the work plan: {', '.join(one.workplan)}"))
    if one.provisional:
        yield f"**Provisional:** {one.provisional}."
    yield "Who is there:"
    yield table(("Node", "Kind"), (
        (who.name, _kind(who)) for node in one.topology.nodes for who in _with_what_is_before(node)))
    yield "Knobs (`--set NAME=VALUE`, the default first):"
    yield table(("Knob", "Values", "Meaning"), (
        (code(knob.name), ", ".join(map(code, dict.fromkeys((knob.default, *knob.allowed)))), knob.meaning)
        for knob in one.knobs.values()))
    if ties := list(_ties(one)):
        yield lines(ties)
    yield "What happens:"
    yield table(("At", "Node", "Order"), (
        (f"{each.time:g} s", each.node, code(repr(each.order))) for each in one.script))
    yield "What must be seen:"
    yield table(("Expectation", "Holds if the capture shows"), ((each.name, _asks(each)) for each in one.expect))
    if turned := list(_turned(one)):
        yield "With a knob turned:"
        yield table(("Knob", "Expectation or order", "Holds if the capture shows"), turned)
    yield "Controls (`--weakened`): each breaks what it names and nothing else."
    yield table(("Weakened variant", "Breaks"), ((_weakened(weak), "; ".join(weak.breaks)) for weak in one.weakened))


def _weakened(weak: Weakened) -> str:
    """Its name, and the choice that it is the control of."""
    knobs = ", ".join(code(f"{name}={value}") for name, value in weak.knobs.items())
    return f"{weak.name} (with {knobs})" if knobs else weak.name


def _with_what_is_before(node: Any) -> Iterator[Any]:
    """A node, and the NAT or the man in the middle that it sits behind."""
    yield node
    if getattr(node, "behind", None) is not None:
        yield node.behind


def _kind(node: object) -> str:
    name = type(node).__name__
    return KINDS.get(name, name)


def _ties(one: Scenario) -> Iterator[str]:
    for knob in one.knobs.values():
        for value, implied in knob.implies.items():
            more = ", ".join(code(f"{name}={other}") for name, other in implied.items())
            yield f"{code(f'{knob.name}={value}')} implies {more} unless set otherwise."
        for value, (name, other, why) in knob.conflicts.items():
            yield f"{code(f'{knob.name}={value}')} can't work with {code(f'{name}={other}')}: {why}."


def _turned(one: Scenario) -> Iterator[tuple[str, str, str]]:
    """What choices of knobs add to what is done and must be seen, and what they take away."""
    for knob in one.knobs.values():
        for value in knob.allowed:
            setting = code(f"{knob.name}={value}")
            for line in knob.does.get(value, ()):
                yield setting, f"at {line.time:g} s {line.node}", code(repr(line.order))
            for gone in knob.drops.get(value, ()):
                yield setting, gone, "not asked for"
            for more in knob.adds.get(value, ()):
                yield setting, more.name, _asks(more)


def _asks(each: Expectation) -> str:
    match each:
        case Eventually():
            return each.seen.what
        case Never():
            return f"never: {each.seen.what}; although there is: {each.provided.what}"
        case InOrder():
            return "in this order: " + "; ".join(seen.what for seen in each.seen)
        case Holds():
            return each.fact.what


def package_page() -> str:
    """The registry of H.248 packages."""
    known = registry()
    named = [package for package in known.packages if package.name]
    unnamed = [package for package in known.packages if not package.name]
    items = [item for package in named for item in package.items]
    provisional = sum(item.tag.provisional for item in items)
    parts = [
        "# H.248 packages", GENERATED,
        f"What the codec, the gateway and the explanations know: {len(named)} packages with {len(items)} items, "
        f"{provisional} of them provisional. *Seen* was read in a specification or in the registry of packages. "
        "*Provisional* was not: the name is used on the wire here, and may differ from the Recommendation's. An item "
        "without id can't be written in binary: no id is invented here. [A file of yours](#overriding) can say better.",
        table(("Package", "Title", "Id", "Version", "Items", "Source", "Name"), (
            (f"[{package.name}](#{package.name})" if package.items else package.name, package.title,
             _marked(package.id, package.id_tag), str(package.version), str(len(package.items)), package.source,
             CERTAINTY[package.name_tag])
            for package in named)),
        "## Overriding",
        "What you know better goes into a TOML file with the tables of the packages' own files "
        "(`workbench/protocols/h248/packages/`); it is laid over them, and a mistake in it is said with its place. "
        "This one gives tcpbcc the names and ids of your Recommendation, and an interface the profile of your gateway:",
        OVERRIDE,
        "It is used by `workbench agw` and `workbench alg --config` (key `packages`), by `workbench analyze` and "
        "`workbench show` (`--packages mine.toml`), and in Python within "
        "`with workbench.protocols.h248.packages.laid_over(Path(\"mine.toml\"))`.",
        "## Roles",
        "Nodes ask for what they need; the registry says how it is written. An override changes the wire, not a node.",
        table(("Role", "Written as"), ((code(role), code(wire)) for role, wire in known.roles().items())),
        "## Profiles",
        "Named in ServiceChange; an entry for each interface.",
        table(("Interface", "Profile", "H.248 version", "Source", "Certainty"), (
            (profile.interface, code(profile.wire_name), str(profile.protocol_version), profile.source,
             CERTAINTY[profile.tag]) for profile in known.profiles)),
        "## Packages with items",
        *(part for package in named if package.items for part in _package(package)),
        "## Packages whose name is not known",
        "Registered, with a title and an id; without its name a package can't be used in text.",
        table(("Id", "Title", "Version", "Source"), (
            (number(package.id, 4), package.title, str(package.version), package.source) for package in unnamed)),
    ]
    return page(parts)


def _package(package: Package) -> Iterator[str]:
    yield f"### {package.name}"
    extends = f" Extends {', '.join(package.extends)}." if package.extends else ""
    id_tag, name_tag = (
        "**provisional**" if tag.provisional else "seen" for tag in (package.id_tag, package.name_tag))
    yield (f"{package.title}, id {number(package.id, 4)} ({id_tag}), version {package.version}, {package.source}; "
           f"name {name_tag}.{extends}")
    if package.note:
        yield sentence(package.note)
    yield table(("Item", "Kind", "Type", "Id", "Where", "Meaning", "Certainty"), (
        (code(item.wire_name), item.kind.value, _type(item), _marked(item.id, item.id_tag), item.descriptor,
         sentence(item.meaning), CERTAINTY[item.tag]) for item in package.items))
    parameters = [(item, one) for item in package.items for one in item.parameters]
    if parameters:
        yield "Parameters:"
        yield table(("Item", "Parameter", "Type", "Id", "Meaning", "Certainty"), (
            (code(item.wire_name), code(one.name), _parameter_type(one), number(one.id, 4), sentence(one.meaning),
             CERTAINTY[one.tag]) for item, one in parameters))


def _type(item: Item) -> str:
    notes = [item.type, item.unit, f"default {item.default}" if item.default else "", "read only" * item.read_only]
    values = _values(item.values)
    return ", ".join(filter(None, notes)) + (f": {values}" if values else "")


def _marked(id: int | None, tag: Certainty) -> str:
    """An id, with a mark where it was not seen."""
    return number(id, 4) + " (provisional)" * (id is not None and tag.provisional)


def _values(values: Iterable[Label]) -> str:
    """The words of an enumeration, each with its number in binary where that is known."""
    return ", ".join(
        f"{code(one.label)}{f' ({one.number})' if one.number is not None else ''} {one.meaning}".strip()
        for one in values)


def _parameter_type(one: Parameter) -> str:
    values = _values(one.values)
    return ", ".join(filter(None, [one.type, one.unit])) + (f": {values}" if values else "")


def rule_page() -> str:
    """The rules that captures are held against."""
    parts = [
        "# Rules", GENERATED,
        "`workbench analyze CAPTURE` holds every capture against these, whoever made it. A finding names the rule, its "
        "clause, the frames that show it, and what to check next. A provisional rule rests on knowledge that could "
        "not be read in the specification.",
        table(("Rule", "Severity", "A capture is held to", "Clause", "Certainty"), (
            (code(rule.id), rule.severity, rule.title, rule.clause, "**provisional**" if rule.provisional else "seen")
            for rule in RULES)),
        "Where a rule is broken:",
        table(("Rule", "Check next"), ((code(rule.id), rule.next) for rule in RULES if rule.next)),
        "Severities:",
        lines(f"{code(name)}: {meaning}." for name, meaning in SEVERITY.items()),
        "To add one: copy `workbench/analysis/rules/setup_answer.py` and name it in `RULES`.",
    ]
    return page(parts)


# --- Markdown


def page(parts: Iterable[str]) -> str:
    """Parts with a blank line between them."""
    return "\n\n".join(parts) + "\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; bars and line ends inside cells can't break it."""
    said = [head, ("---",) * len(head), *rows]
    safe = ([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in said)
    return "\n".join(f"| {' | '.join(row)} |" for row in safe)


def lines(said: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in said)


def code(text: str) -> str:
    """Something to be written as it stands."""
    return f"`{text}`"


def sentence(text: str) -> str:
    """With a capital letter and one full stop, unless it begins with a name that is written small."""
    text = text.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def number(value: int | None, digits: int) -> str:
    """An id in hexadecimal."""
    return "not known" if value is None else f"0x{value:0{digits}x}"


PAGES: Mapping[str, Callable[[], str]] = {
    "scenarios.md": scenario_page, "packages.md": package_page, "rules.md": rule_page}


def stale() -> list[str]:
    """Names of the stored pages that are not what the code gives."""
    return [name for name, made in PAGES.items()
            if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != made()]


def main() -> None:
    """The command."""
    found = stale()
    if "--check" not in sys.argv[1:]:
        for name in found:
            (HERE / name).write_text(PAGES[name](), encoding="utf-8", newline="\n")
        sys.stdout.write("".join(f"docs/{name}: written\n" for name in found) or "docs: all pages as they should be\n")
        return
    sys.stdout.write("".join(f"docs/{name}: stale; run docs/generate.py\n" for name in found))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
