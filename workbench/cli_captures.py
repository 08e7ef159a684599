"""The commands of `workbench` that read captures: `analyze`, `show`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli_cluster import Cluster, Workers, analyze_many, are_many
from workbench.cli_compare import Against, With, beside, document, print_beside
from workbench.cli_exports import Mermaid, Parquet, write_mermaid, write_parquet
from workbench.cli_follow import Follow, Seconds, followed
from workbench.cli_joined import print_contexts, print_joined
from workbench.cli_witness import Witness, hear, need_witness, print_opinion, with_opinions
from workbench.cli_words import (
    BROKEN,
    HELD,
    Advance,
    Json,
    KeyLog,
    PackageFile,
    complain,
    frames,
    know,
    lines,
    plain,
    print_json,
    progress,
    say,
    say_line,
    write_html,
    wrong,
)
from workbench.errors import CaptureError
from workbench.lab.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.analysis.report import Report

Captures = Annotated[list[Path], typer.Argument(help="pcapng or pcap files, or folders of them.", show_default=False)]


def analyze(
    captures: Captures,
    keylog: KeyLog = None,
    packages: PackageFile = None,
    json: Json = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one report of all captures.")] = None,
    mermaid: Mermaid = None,
    parquet: Parquet = None,
    merge: Annotated[bool, typer.Option("--merge", help="Read all captures as one, by time: one report.")] = False,
    witness: Witness = None,
    cluster: Cluster = None,
    workers: Workers = None,
    follow: Follow = False,
    seconds: Seconds = None,
    against: Against = None,
    knobs: With = None,
) -> None:
    """Read captures: who talked to whom, in which sessions and roles, and which rules they break.

    Exit status 1 says that a capture breaks a rule, or that the witness reads it otherwise.
    """
    know(packages)
    need_witness(witness)
    if are_many(captures, cluster, workers):
        given = {"--html": html, "--mermaid": mermaid, "--merge": merge, "--witness": witness, "--packages": packages,
                 "--against": against}
        analyze_many(captures, cluster=cluster, workers=workers, keylog=keylog, tables=parquet, json=json,
                     alone=[name for name, value in given.items() if value])
    with followed(captures, keylog, seconds, quiet=json) if follow else nullcontext(captures) as whole:
        reports = _reports(whole, keylog, merge=merge, quiet=json)
        opinions = hear(witness, reports, keylog)
        comparisons = beside(reports, against, knobs)
        if html is not None:
            write_html(html, reports, comparisons)
        written = [*write_mermaid(mermaid, reports), *write_parquet(parquet, reports)]
    if json:
        documents = with_opinions([plain(report.to_json()) for report in reports], opinions)
        for at, comparison in enumerate(comparisons):
            documents[at]["against"] = document(comparison, everything=False)
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for at, report in enumerate(reports):
            _print_report(report)
            if opinions:
                print_opinion(opinions[at])
            if comparisons:
                print_beside(comparisons[at])
        if html is not None:
            written.insert(0, f"report: {html}")
        for line in written:
            say(line)
    broken = any(finding.severity == "error" for report in reports for finding in report.findings)
    agreed = all(opinion.agrees for opinion in opinions)
    raise typer.Exit(BROKEN if broken or not agreed else HELD)


def show(
    capture: Annotated[Path, typer.Argument(help="A pcapng or pcap file.", show_default=False)],
    frame: Annotated[
        int | None, typer.Option(min=1, help="Explain this frame octet by octet; counted as in Wireshark.")] = None,
    between: Annotated[
        list[str] | None, typer.Option(metavar="NODE", help="Only these nodes in the ladder; may be repeated.")] = None,
    keylog: KeyLog = None,
    packages: PackageFile = None,
    text: Annotated[bool, typer.Option("--text", help="Plain text, as into a file.")] = False,
) -> None:
    """A capture as a ladder of messages, or one of its frames octet by octet."""
    from workbench import views

    know(packages)
    report = _analyze(capture, keylog)
    if frame is not None:
        from workbench.analysis.explain import explain_frame

        if frame > report.packets:
            raise wrong(f"{capture} has {report.packets} frames", "--frame")
        shown = views.octets_text(explain_frame(report, frame))
    else:
        if between:
            known = {node.name for node in report.nodes}
            unknown = [name for name in between if name not in known]
            if unknown:
                raise wrong(f"no node {', '.join(unknown)} in {capture}; there are {', '.join(sorted(known))}",
                            "--between")
        shown = views.ladder_text(report, between=between or None)
    # On a terminal a long view goes through the pager that people know from git.
    if not text and sys.stdout.isatty() and shown.count("\n") > lines():
        import pydoc

        pydoc.pager(visible(shown))
    else:
        say(shown)
    for note in [*report.notes, *(f"frame {frame}: {one.severity}: {one.explanation} [{one.clause}]"
                                  for one in report.findings if frame in one.frames)]:
        complain(note)


def _reports(captures: list[Path], keylog: Path | None, *, merge: bool, quiet: bool) -> list[Report]:
    """A report of each capture, or one of all. Raises CaptureError."""
    reports: list[Report] = []
    with progress(len(captures), quiet=quiet) as advance:
        if merge:
            return [_merged(captures, keylog)]
        for capture in captures:
            advance(capture.name)
            reports.append(_analyze(capture, keylog, partial(_count, advance, capture.name)))
    return reports


def _merged(captures: list[Path], keylog: Path | None) -> Report:
    """One report of all captures. Raises CaptureError."""
    from workbench.analysis.analyzing import analyze_merged

    return _with_packets(analyze_merged(captures, keylog))


def _analyze(capture: Path, keylog: Path | None, watch: Callable[[int], None] | None = None) -> Report:
    """The report of a capture that has at least one packet. Raises CaptureError."""
    from workbench.analysis.analyzing import analyze

    return _with_packets(analyze(capture, keylog=keylog, watch=watch))


def _with_packets(report: Report) -> Report:
    if not report.packets:
        raise CaptureError("; ".join(report.notes))
    return report


def _count(advance: Advance, name: str, frames: int) -> None:
    advance(f"{name}: {frames} frames", done=False)


def _print_report(report: Report) -> None:
    from workbench.analysis import unread

    say = say_line
    say(f"{report.capture}: {report.packets} frames, {len(report.messages)} messages")
    for line in unread.lines(report.unread):
        say(f"  not read: {line}")
    for node in report.nodes:
        kind = f" ({node.kind})" if node.kind and node.kind not in node.name else ""
        say(f"  {node.name}{kind}: {', '.join(node.addresses)}{'' if node.named else ', named after its behaviour'}")
    for session in report.sessions:
        context = "" if session.context is None else f", H.248 context {session.context}"
        security = f", {session.security_said}" if session.security else ""
        say(f"  {session.id}: {session.kind}{security}{context}, {len(session.frames)} frames")
        for leg in session.legs:
            refused = "" if leg.tcp_server else ", refused"
            roles = [f"TCP client {leg.tcp_client}{refused}" if leg.tcp_client else "no TCP connection"]
            if leg.tls_client:
                roles.append(f"TLS client {leg.tls_client} {leg.tls}".rstrip())
            if leg.latched:
                roles.append(f"latched to {leg.actual} (SDP says {leg.signalled})")
            say(f"    {leg.name} on {leg.wire}: {leg.transport}, {'; '.join(roles)}")
        for way in session.handlings:
            say(f"    {way.gateway or 'a gateway'}: {way.handling or 'handling of TCP not clear'}"
                f"{frames(way.frames)}: {way.why}")
        for one in session.bindings:
            say(f"    {one.nat}: {one.protocol} {one.inside} is {one.outside} towards {one.remote}"
                f"{frames(one.frames)}")
    print_joined(report)
    print_contexts(report)
    for shown in report.nats:
        say(f"  {shown.nat}: {shown.protocol} {shown.behaviour} is {shown.kind}{frames(shown.frames)}: {shown.why}")
    if report.scenario is not None:
        also = "".join(f", or {id}" for id in report.scenario.also)
        say(f"  looks like {report.scenario.id}{also} ({report.scenario.score:.0%})")
        for deviation in report.scenario.deviations:
            say(f"    but {deviation}")
    for finding in report.findings:
        say(f"  {finding.severity}: {finding.title}{frames(finding.frames)} [{finding.clause}]",
            "fail" if finding.severity == "error" else "")
        say(f"    {finding.explanation}")
        if finding.next:
            say(f"    check next: {finding.next}")
    for note in report.notes:
        complain(note)
