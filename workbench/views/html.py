"""One self-contained HTML page of runs or captures: verdicts, ladder, every message explained, roles, findings.

No script, font or picture is fetched. Without JavaScript everything is there to read and links lead from the ladder to
the explanations; with it, a click shows the explanation next to the ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.analysis.explain import explain_message
from workbench.analysis.explain.fields import Field
from workbench.views.bearers import BEARERS_STYLE, bearers_html
from workbench.views.html_media import MEDIA_STYLE, media_html
from workbench.views.html_told import blind_spots_html, contexts_html, findings_html, media_summary_html
from workbench.views.ladder import Row, ladder_lanes, ladder_rows
from workbench.views.ladder_picture import HEAD_SCRIPT, HEAD_STYLE, MOST_ROWS, SVG_STYLE, draw, head_html
from workbench.views.octets import OCTETS_SCRIPT, OCTETS_STYLE, octets_html
from workbench.views.palette import escape, themed
from workbench.views.roles import ROLES_STYLE, roles_html

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Finding, Message

# A page explains this many messages of a capture at most; a ladder shows them all.
MOST_EXPLAINED = 400


class _Glossary:
    """Meanings that a page tells once, however often a field occurs."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, str, bool], str] = {}

    def refer(self, field: Field) -> str:
        """HTML that stands for the meaning of a field: a link to its entry."""
        if not field.meaning:
            return ""
        key = (field.label, field.meaning, field.clause, field.provisional)
        name = self._ids.setdefault(key, f"g{len(self._ids)}")
        return f'<a class="g" href="#{name}">{escape(field.clause) or "meaning"}</a>'

    def html(self) -> str:
        """All entries, as a definition list."""
        entries = sorted(self._ids.items(), key=lambda item: (item[0][2], item[0][0]))
        body = "".join(
            f'<dt id="{name}">{escape(label)}</dt><dd><span>{escape(meaning)}</span> '
            f'<cite>{escape(clause)}</cite>{" <em>provisional</em>" if provisional else ""}</dd>'
            for (label, meaning, clause, provisional), name in entries)
        return f"<dl>{body}</dl>"


def report_html(shown: Sequence[Any], title: str = "eMediasec workbench") -> str:
    """The page.

    Args:
        shown: runs (with their verdicts) or reports, in order.
        title: of the page.
    """
    glossary = _Glossary()
    sections = [_section(number, one, glossary) for number, one in enumerate(shown, start=1)]
    summary = "".join(_summary(number, one) for number, one in enumerate(shown, start=1))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'; '
        "script-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        '<body class="wb-page"><a class="skip" href="#s1">Skip to the first scenario</a>'
        f"<header><h1>{escape(title)}</h1>"
        "<p>Everything here was read back from the captured octets. Choose a message in a ladder to have it explained "
        f"field by field.</p></header><main><nav aria-label=\"contents\"><ul>{summary}</ul></nav>"
        f"{''.join(sections)}"
        f'<section id="meanings" class="meanings"><h2>Meanings</h2><p>What the fields above are for, and where that is '
        "specified. Entries marked provisional rest on knowledge that could not be checked against the text of the "
        f"specification.</p>{glossary.html()}</section></main>"
        f"<script>{OCTETS_SCRIPT}{HEAD_SCRIPT}{_SCRIPT}</script></body></html>")


def _report(one: Any) -> Report:
    """A run's report, or the report itself."""
    report: Report = getattr(one, "report", one)
    return report


def _summary(number: int, one: Any) -> str:
    scenario = getattr(one, "scenario", None)
    verdicts = getattr(one, "verdicts", None)
    report = _report(one)
    if verdicts is None:
        return (f'<li><a href="#s{number}">{escape(_name(one))}</a> '
                f'<span class="quiet">{len(report.messages)} messages, {_findings_said(report.findings)}</span></li>')
    held = sum(verdict.verdict == "pass" for verdict in verdicts)
    mark = "pass" if held == len(verdicts) else "fail"
    return (f'<li><a href="#s{number}">{escape(scenario.id if scenario else _name(one))}</a> '
            f'<span class="badge {mark}">{held} of {len(verdicts)} hold</span></li>')


def _findings_said(findings: Sequence[Finding]) -> str:
    return "no finding" if not findings else f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"


def _name(one: Any) -> str:
    from pathlib import Path

    return Path(str(_report(one).capture)).name


def _section(number: int, one: Any, glossary: _Glossary) -> str:
    report = _report(one)
    scenario = getattr(one, "scenario", None) if hasattr(one, "verdicts") else None
    rows = ladder_rows(report)
    parts = [f'<section class="scenario" id="s{number}">']
    if scenario is not None:
        knobs = ", ".join(f"{escape(name)} = {escape(value)}" for name, value in one.knobs.items())
        weakened = f' <span class="badge unsure">weakened: {escape(one.weakened)}</span>' if one.weakened else ""
        parts.append(
            f'<h2>{escape(scenario.title)}{weakened}</h2><p class="quiet"><code>{escape(scenario.id)}</code> · seed '
            f"{escape(one.seed)} · {knobs} · {escape(', '.join(scenario.clauses))}</p>"
            f'<p class="lead">{escape(scenario.teaching)}</p>')
        if scenario.provisional:
            parts.append(f'<p class="quiet">Provisional: {escape(scenario.provisional)}.</p>')
    else:
        parts.append(f"<h2>{escape(_name(one))}</h2>")
    parts.append(f'<p class="quiet">Capture {escape(_name(one))}: {report.packets} frames, '
                 f"{len(report.messages)} messages.</p>")
    parts += [blind_spots_html(report), media_summary_html(report)]
    verdicts = getattr(one, "verdicts", None)
    targets = {frame: row.message for row in rows for frame in reversed(row.frames)}
    facts = [_verdicts(verdicts, number, targets)] if verdicts is not None else []
    facts.append(f'<div><h3>Roles</h3><div class="scroll">{roles_html(report, style=False)}</div></div>')
    bearers = bearers_html(report, style=False)
    if bearers:
        facts.append(f'<div><h3>TCP handling and NAT bindings</h3><div class="scroll">{bearers}</div></div>')
    parts.append(f'<div class="facts">{"".join(facts)}</div>')
    if report.scenario is not None and scenario is None:
        deviations = "".join(f"<li>{escape(text)}</li>" for text in report.scenario.deviations)
        parts.append(f"<p>Looks like <code>{escape(report.scenario.id)}</code> "
                     f"({report.scenario.score:.0%}).</p>{f'<ul>{deviations}</ul>' if deviations else ''}")
    if report.findings:
        parts.append(findings_html(report.findings, lambda frames: _frames(frames, number, targets)))
    parts.append(contexts_html(report))
    parts.append(media_html(report))
    parts.append(_ladder(number, report, rows, glossary, _name(one)))
    return "".join(parts) + "</section>"


def _verdicts(verdicts: Sequence[Any], number: int, targets: dict[int, int]) -> str:
    rows = "".join(
        f'<tr><td><span class="badge {_kind(verdict.verdict)}">{escape(verdict.verdict)}</span></td>'
        f"<td>{escape(verdict.name)}"
        f"{f'<br><span class=quiet>{escape(verdict.reason)}</span>' if verdict.reason else ''}"
        f"</td><td>{_frames(verdict.frames, number, targets)}</td></tr>" for verdict in verdicts)
    return ('<div><h3>Expectations</h3><div class="scroll"><table class="list"><thead><tr><th scope="col">verdict</th>'
            f'<th scope="col">expectation</th><th scope="col">frames</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div></div>")


def _kind(verdict: str) -> str:
    return verdict if verdict in ("pass", "fail") else "unsure"


def _frames(frames: Sequence[int], number: int, targets: dict[int, int]) -> str:
    said = [
        f'<a href="#s{number}m{targets[frame]}">{frame}</a>' if frame in targets else str(frame)
        for frame in dict.fromkeys(frames[:12])
    ]
    return ", ".join(said) + (" …" if len(frames) > 12 else "")


def _ladder(number: int, report: Report, rows: Sequence[Row], glossary: _Glossary, name: str) -> str:
    lanes = ladder_lanes(report, rows)
    picture = draw(rows, lanes, link=lambda row: f"#s{number}m{row.message}", title=f"Message ladder of {name}",
                   style=False)
    panels = []
    for position, row in enumerate(rows[:MOST_ROWS]):
        explained = position < MOST_EXPLAINED
        panels.append(_panel(number, report, report.messages[row.message], row, glossary, explained))
    return (f'<h3>Messages</h3><div class="stage"><div class="picture scroll">{head_html(lanes)}{picture}</div>'
            f'<div class="panels" aria-live="polite"><p class="hint quiet">Choose a message to see what it says.</p>'
            f"{''.join(panels)}</div></div>")


def _panel(number: int, report: Report, message: Message, row: Row, glossary: _Glossary, explained: bool) -> str:
    facts = [f"{row.time:.6f} s", f"on {row.wire}", f"{message.source} → {message.destination}",
             f"frame{'s' if len(row.frames) > 1 else ''} {', '.join(map(str, row.frames[:12]))}"]
    marks = "".join((
        '<span class="badge good">encrypted on the wire, decrypted with the key log</span>' * row.protected,
        '<span class="badge unsure">sent again</span>' * row.repeated,
        f'<span class="badge fail">{escape(row.error)}</span>' * bool(row.error)))
    comment = f'<p class="comment">{escape(row.comment)}</p>' if row.comment else ""
    body = '<p class="quiet">Not explained here: too many messages.</p>'
    if row.repeated:
        body = '<p class="quiet">The same octets as before; explained at the first copy.</p>'
    elif explained:
        layer = explain_message(report, message)
        body = octets_html(layer, style=False, script=False, meaning=glossary.refer, heading=False)
    return (f'<article class="panel" id="s{number}m{row.message}" tabindex="-1">'
            f'<h4><span class="tag">{escape(row.protocol)}</span> {escape(row.summary)}</h4>'
            f'<p class="quiet">{escape(" · ".join(facts))}</p>{marks}{comment}{body}</article>')


_STYLE = themed(".wb-page") + HEAD_STYLE + SVG_STYLE + OCTETS_STYLE + ROLES_STYLE + BEARERS_STYLE + MEDIA_STYLE + """
*{box-sizing:border-box}
.wb-page{margin:0;background:var(--wb-paper);color:var(--wb-ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-page header,.wb-page main{max-width:100rem;margin:0 auto;padding:0 clamp(1rem,3vw,3rem)}
.wb-page header{padding-top:2rem}
.wb-page h1{font-size:1.6rem;margin:0}
.wb-page h2{font-size:1.35rem;margin:2.5rem 0 .4rem;text-wrap:balance}
.wb-page h3{font-size:1.05rem;margin:1.8rem 0 .5rem}
.wb-page .scenario{border-top:1px solid var(--wb-line);margin-top:2rem}
.wb-page .lead{max-width:52rem}
.wb-page a{color:var(--wb-accent)}
.wb-page :focus-visible{outline:2px solid var(--wb-accent);outline-offset:2px}
.wb-page .quiet,.wb-page cite{color:var(--wb-quiet)}
.wb-page cite{font-style:normal}
.wb-page .scroll{overflow:auto}
.wb-page .skip{position:absolute;left:-99rem}
.wb-page .skip:focus{left:1rem;top:1rem;background:var(--wb-paper);padding:.5rem}
.wb-page nav ul{list-style:none;padding:0;display:flex;gap:.5rem 2rem;flex-wrap:wrap}
.wb-page .badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .6em;font-size:.82rem;
font-weight:600;white-space:nowrap;margin-right:.4em}
.wb-page .panel .badge{white-space:normal;border-radius:6px}
.wb-page .badge.pass,.wb-page .badge.good{color:var(--wb-good)}
.wb-page .badge.fail{color:var(--wb-bad)}
.wb-page .badge.unsure{color:var(--wb-unsure)}
.wb-page table.list{border-collapse:collapse}
.wb-page table.list td,.wb-page table.list th{text-align:left;vertical-align:top;padding:.3em .9em .3em 0;
border-bottom:1px solid var(--wb-line)}
.wb-page .facts{display:flex;flex-wrap:wrap;gap:0 4rem}
.wb-page .facts>div{min-width:0;max-width:100%}
.wb-page .findings{padding-left:1.2em}
.wb-page .tag{font:600 .8em ui-monospace,Menlo,Consolas,monospace;border:1px solid var(--wb-line);border-radius:4px;
padding:.1em .4em}
.wb-page .panel{border-top:1px solid var(--wb-line);padding:.8rem .6rem;outline-offset:-2px}
.wb-page .panel h4{margin:.2em 0;overflow-wrap:anywhere}
.wb-page .panel p{margin:.3em 0}
.wb-page .comment{border-left:3px solid var(--wb-line);padding-left:.7em}
.wb-page .wb-octets .g{font-size:12px}
.wb-page .meanings dt{font-weight:600;margin-top:.7em}
.wb-page .meanings dd{margin:0;max-width:60rem}
.wb-page .meanings dt:target{background:var(--wb-chosen)}
.wb-page .hint{display:none}
.js .wb-page .hint{display:block}
.js .wb-page .panel:not(.chosen){display:none}
.js .wb-page .panels:has(.chosen) .hint{display:none}
.js .wb-page .picture{max-height:90vh}
@media (min-width:75em){.js .wb-page .stage{display:grid;
grid-template-columns:minmax(0,auto) minmax(26rem,1fr);gap:1.5rem;
align-items:start}.js .wb-page .panels{position:sticky;top:0;max-height:90vh;overflow:auto;padding-right:.3rem}}
@media print{.wb-page .picture{max-height:none!important;overflow:visible!important}
.wb-page .picture svg{max-width:100%;height:auto}
.wb-page nav,.wb-page .skip,.js .wb-page .meanings{display:none}
.wb-page .panel h4{break-after:avoid}}
"""

# Shows one explanation at a time, fills in meanings when it is shown, and walks the ladder with the arrow keys.
_SCRIPT = """
document.documentElement.classList.add('js');
(function(){
  const main=document.querySelector('main');wbOctets(main);
  function fill(panel){panel.querySelectorAll('a.g:not(.done)').forEach(a=>{a.classList.add('done');
    const dt=document.getElementById(a.getAttribute('href').slice(1));if(!dt)return;
    const m=document.createElement('span');m.className='m';const dd=dt.nextElementSibling;
    m.append(dd.firstElementChild.textContent+' ');
    const rest=dd.querySelector('em');if(rest){const e=document.createElement('span');e.className='p';
      e.textContent=rest.textContent;m.append(e);}
    a.before(m);});}
  function bring(link){const box=link.closest('.picture'),b=box.getBoundingClientRect(),
    r=link.getBoundingClientRect();
    if(r.top<b.top+40)box.scrollTop+=r.top-b.top-40;else if(r.bottom>b.bottom)box.scrollTop+=r.bottom-b.bottom+8;}
  function show(id,focus){const panel=document.getElementById(id);
    if(!panel||!panel.classList.contains('panel'))return false;
    const stage=panel.closest('.stage');
    stage.querySelectorAll('.panel.chosen,a.wb-m.chosen').forEach(n=>n.classList.remove('chosen'));
    panel.classList.add('chosen');fill(panel);
    const link=stage.querySelector('a.wb-m[href="#'+id+'"]');
    if(link){link.classList.add('chosen');bring(link);}
    stage.querySelector('.panels').scrollTop=0;
    if(focus)panel.focus({preventScroll:true});return true;}
  document.addEventListener('click',e=>{const a=e.target.closest('a[href^="#s"]');if(!a)return;
    const id=a.getAttribute('href').slice(1);
    if(show(id,false)){e.preventDefault();history.replaceState(null,'','#'+id);
      if(!a.classList.contains('wb-m'))document.getElementById(id).closest('.stage').scrollIntoView();
      else if(innerWidth<1200)document.getElementById(id).scrollIntoView();}});
  document.addEventListener('keydown',e=>{const a=e.target.closest&&e.target.closest('a.wb-m');
    if(!a||(e.key!=='ArrowDown'&&e.key!=='ArrowUp'))return;
    const all=[...a.closest('svg').querySelectorAll('a.wb-m')];
    const next=all[all.indexOf(a)+(e.key==='ArrowDown'?1:-1)];
    if(next){e.preventDefault();next.focus();show(next.getAttribute('href').slice(1),false);}});
  document.querySelectorAll('.picture').forEach(wbHead);
  document.querySelectorAll('.stage').forEach(stage=>{const first=stage.querySelector('.panel');
    if(first)show(first.id,false);});
  if(location.hash)show(location.hash.slice(1),false);
})();
"""
