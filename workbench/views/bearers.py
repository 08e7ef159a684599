"""What a gateway does with TCP, and the bindings of the NATs on the way: told by the analyser, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, NatBinding, Session

HANDLED = {
    "relay": "relay: one TCP connection, passed on packet by packet",
    "proxy": "proxy: two TCP connections, the gateway is client of one",
    "merge by proxy": "merge by proxy: both peers connect to the gateway, which joins two connections",
    "merge by translation": "merge by translation: both peers connect, the gateway shifts sequence numbers",
    "": "can not be told",
}
BINDING_COLUMNS = ("NAT", "protocol", "inside", "outside", "remote", "frames")


class HandlingRow(msgspec.Struct, frozen=True):
    """What one gateway does with TCP in one call. `frames` is the evidence, `why` what it shows."""

    session: str
    gateway: str
    told: str
    why: str
    frames: tuple[int, ...]


class BindingRow(msgspec.Struct, frozen=True):
    """One entry of a NAT's table, as texts; `frames` are those that passed through it."""

    nat: str
    protocol: str
    inside: str
    outside: str
    remote: str
    frames: tuple[int, ...]

    def cells(self) -> tuple[str, ...]:
        """The texts in the order of `BINDING_COLUMNS`."""
        return (self.nat, self.protocol, self.inside, self.outside, self.remote, frames_said(self.frames))


def handling_rows(report: Report, session: str | None = None) -> list[HandlingRow]:
    """A row for each gateway of each call over TCP; none for a capture without gateways."""
    return [HandlingRow(told.id, one.gateway or "something in between", HANDLED.get(one.handling, one.handling),
                        one.why, one.frames)
            for told in report.sessions if session in (None, told.id) and _over_tcp(told) for one in told.handlings]


def _over_tcp(session: Session) -> bool:
    """A leg is TCP, or nobody said what it is."""
    return any(leg.transport.upper().startswith("TCP") or not leg.transport for leg in session.legs) or not session.legs


def binding_rows(report: Report, session: str | None = None, protocol: str | None = None) -> list[BindingRow]:
    """A row for each binding, each told once; `protocol` keeps TCP or UDP."""
    found: dict[tuple[str, ...], BindingRow] = {}
    for told in report.sessions:
        for one in told.bindings if session in (None, told.id) else ():
            if protocol in (None, one.protocol):
                row = _binding(one)
                found.setdefault((row.nat, row.protocol, row.inside, row.outside, row.remote), row)
    return list(found.values())


def _binding(one: NatBinding) -> BindingRow:
    outside = str(one.outside).removeprefix(f"{one.nat} ").strip("()")
    return BindingRow(one.nat, one.protocol, str(one.inside), outside, str(one.remote), one.frames)


def frames_said(frames: tuple[int, ...]) -> str:
    """The first frames, and how many more there are."""
    return ", ".join(map(str, frames[:4])) + (f" and {len(frames) - 4} more" if len(frames) > 4 else "")


def peer_said(leg: Leg) -> str:
    """Where SDP puts the peer of a leg and where it really is, in words; empty where neither was seen."""
    if not leg.signalled and not leg.actual:
        return ""
    parts = [f"{leg.signalled or 'nothing'} in SDP", f"{leg.actual or 'nothing'} seen"]
    if leg.latched is not None:
        parts.append("latched to what was seen" if leg.latched else "as signalled")
    return ", ".join(parts)


def bearers_text(report: Report, session: str | None = None) -> str:
    """Handling and bindings as lines."""
    lines = [f"{row.gateway}, {row.session}: {row.told}\n    because {row.why} (frames {frames_said(row.frames)})"
             if row.frames else f"{row.gateway}, {row.session}: {row.told}\n    because {row.why}"
             for row in handling_rows(report, session)]
    bindings = binding_rows(report, session)
    lines += [f"{row.nat}, {row.protocol}: {row.inside} is seen as {row.outside} by {row.remote} "
              f"(frames {frames_said(row.frames)})" for row in bindings]
    return "\n".join("\n".join(plain(part) for part in line.split("\n")) for line in lines) or (
        "no gateway with a TCP bearer and no NAT in this capture")


BEARERS_STYLE = themed(".wb-bearers") + """
.wb-bearers{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-bearers p{margin:.3em 0;max-width:60rem}
.wb-bearers .why{color:var(--wb-quiet)}
.wb-bearers table{border-collapse:collapse}
.wb-bearers caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-bearers th,.wb-bearers td{text-align:left!important;vertical-align:top;padding:.3em .8em;
border-bottom:1px solid var(--wb-line)}
.wb-bearers th{font-weight:600;background:var(--wb-panel)}
"""


def bearers_html(report: Report, session: str | None = None, *, style: bool = True) -> str:
    """Handling as sentences and bindings as a table; empty where there is neither."""
    handled = "".join(
        f"<p><b>{escape(row.gateway)}</b>, {escape(row.session)}: {escape(row.told)}<br>"
        f'<span class="why">{escape(row.why)}'
        f"{f' (frames {escape(frames_said(row.frames))})' if row.frames else ''}</span></p>"
        for row in handling_rows(report, session))
    rows = binding_rows(report, session)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row.cells())}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{name}</th>' for name in BINDING_COLUMNS)
    table = (f"<table><caption>Bindings of the NATs, from both of their sides</caption><thead><tr>{head}</tr></thead>"
             f"<tbody>{body}</tbody></table>" if rows else "")
    if not handled and not table:
        return ""
    return f'{f"<style>{BEARERS_STYLE}</style>" if style else ""}<div class="wb-bearers">{handled}{table}</div>'
