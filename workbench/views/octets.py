"""The octet view: each field with its octets, what they say, what that means, and the clause. Text and HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from workbench.analysis.explain.fields import Explained, Field, Layer, coverage
from workbench.views.palette import escape, plain, themed

_HEX_A_LINE = 8
# Letters of a value, and octets of a text, that are shown: one header may be as long as its message.
_MOST_SAID = 2000
_MOST_DUMPED = 16_384
_TEXTUAL = ("sip.", "sdp.", "h248.", "msrp.")


def octets_text(explained: Explained | Layer, width: int = 110, *, meanings: bool = True) -> str:
    """Octets and their explanation as indented lines, one field a line, the meaning below it.

    Args:
        explained: a frame (with the layers behind it) or one layer.
        width: columns that lines keep to.
        meanings: False leaves the meanings out and keeps label and value. A meaning is told once, at the first
            field that it fits.
    """
    lines = textwrap.wrap(plain(explained.title), max(width, 60), subsequent_indent="  ")
    told: set[str] | None = set() if meanings else None
    lines += _tree_lines(explained.fields, explained.octets, width, told, 0)
    if isinstance(explained, Explained):
        for layer in explained.layers:
            lines += ["", *textwrap.wrap(plain(layer.title), max(width, 60), subsequent_indent="  ")]
            lines += _tree_lines(layer.fields, layer.octets, width, told, 0)
    covered = coverage(explained)
    lines += ["", f"{covered.explained_octets} of {covered.octets} octets explained"]
    lines += [f"  not explained: octets {start} to {end - 1} {plain(name)}".rstrip()
              for start, end, name in covered.unexplained]
    return "\n".join(lines)


def _tree_lines(
    fields: tuple[Field, ...], octets: bytes, width: int, told: set[str] | None, depth: int,
) -> Iterator[str]:
    for field in fields:
        indent = "  " * depth
        shown = "" if field.children else octets[field.start:min(field.end, field.start + _HEX_A_LINE)].hex(" ")
        more = " …" if not field.children and field.end - field.start > _HEX_A_LINE else ""
        head = f"{field.start:6} {shown + more:<25}  {indent}{plain(field.label)}"
        said = said_by(field, octets)
        lines = textwrap.wrap(f"{head}{': ' + plain(said) if said else ''}", max(width, 60), drop_whitespace=False,
                              subsequent_indent=" " * 34 + indent + "  ") or [head]
        yield from (line.rstrip() for line in lines)
        if told is not None and field.meaning and field.meaning not in told:
            told.add(field.meaning)
            note = f" [{field.clause}]" if field.clause else ""
            note += " (provisional)" if field.provisional else ""
            margin = " " * 34 + indent + "  "
            yield from textwrap.wrap(f"{plain(field.meaning)}{note}", max(width, len(margin) + 40),
                                     initial_indent=margin, subsequent_indent=margin)
        yield from _tree_lines(field.children, octets, width, told, depth + 1)


def said_by(field: Field, octets: bytes) -> str:
    """What a field says, for people: its value, else its text; with a note where only a part of it is here."""
    said = _cut(field.value, len(field.value))
    if not said and not field.children and is_text(field, octets):
        end = min(field.end, field.start + _MOST_SAID)
        said = "“" + _cut(octets[field.start:end].decode("utf-8", "replace"), field.end - field.start) + "”"
    if field.part is not None:
        start, end, whole = field.part
        said = f"{said} (octets {start} to {end - 1} of its {whole})".strip()
    return said


def _cut(text: str, whole: int) -> str:
    """The beginning of a long text, and how much more there is; `whole` is its full size."""
    if whole <= _MOST_SAID:
        return text
    return f"{text[:_MOST_SAID]}… ({whole - _MOST_SAID:,} more)"


def is_text(field: Field, octets: bytes) -> bool:
    """Whether a field's octets are shown as the text that they are."""
    inside = octets[field.start:field.end]
    if not field.name.startswith(_TEXTUAL) and not field.name.endswith((".text", ".name")):
        return False
    return all((octet >= 0x20 and octet != 0x7F) or octet in (9, 10, 13) for octet in inside)


def is_layout(field: Field, octets: bytes) -> bool:
    """Whether a field is punctuation or blanks only: explained like any other, but in fewer lines."""
    inside = octets[field.start:field.end]
    return is_text(field, octets) and not any(48 <= o <= 57 or 65 <= o <= 90 or 97 <= o <= 122 for o in inside)


# HTML

OCTETS_STYLE = themed(".wb-octets") + """
.wb-octets{color:var(--wb-ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-octets h4{font-size:14px;margin:1em 0 .4em}
.wb-octets .wb-dump{font:12.5px/1.6 ui-monospace,"SF Mono",Menlo,Consolas,monospace;background:var(--wb-panel);
color:var(--wb-ink);border:1px solid var(--wb-line);border-radius:6px;padding:.6em .8em;white-space:pre-wrap;
overflow-wrap:anywhere;max-height:22em;overflow:auto;margin:.4em 0 .8em}
.wb-octets .wb-dump>div{white-space:pre-wrap}
.wb-octets .o{border-radius:2px;cursor:help}
.wb-octets .o.x{letter-spacing:.02em}
.wb-octets .o.ctl{color:var(--wb-quiet)}
.wb-octets .o:nth-child(even){background:color-mix(in srgb,var(--wb-line) 35%,transparent)}
.wb-octets .on,.wb-octets li.on>.f{background:var(--wb-chosen)!important;outline:1px solid var(--wb-accent)}
.wb-octets ul{list-style:none;margin:0;padding:0 0 0 1.1em}
.wb-octets>ul,.wb-octets section>ul{padding:0}
.wb-octets .f{display:grid;grid-template-columns:minmax(7em,11em) 1fr;gap:.1em 1em;padding:.28em .5em;
border-radius:4px;border-top:1px solid var(--wb-line)}
.wb-octets .f:focus-visible{outline:2px solid var(--wb-accent)}
.wb-octets .l{font-weight:600}
.wb-octets .lay{padding:.05em .5em;font-size:12px}
.wb-octets .lay .l{font-weight:400;color:var(--wb-quiet)}
.wb-octets .lay .h,.wb-octets .f.lay .m,.wb-octets .lay .g{display:none}
.wb-octets .f.lay:hover .m,.wb-octets .f.lay:focus .m,.wb-octets .lay:hover .g,.wb-octets .lay:focus .g{display:block}
@media print{.wb-octets .lay{display:none}}
.wb-octets .h{font:12px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;color:var(--wb-quiet);
overflow-wrap:anywhere}
.wb-octets .l,.wb-octets .h,.wb-octets .v,.wb-octets .f .m{display:block}
.wb-octets .v{overflow-wrap:anywhere}
.wb-octets .v:empty{display:none}
.wb-octets .m{color:var(--wb-quiet)}
.wb-octets .c{font-style:normal;white-space:nowrap;font-size:12px;color:var(--wb-accent)}
.wb-octets .p{color:var(--wb-unsure);font-size:12px}
.wb-octets .c a{color:inherit}
@media (max-width:40em){.wb-octets .f{grid-template-columns:1fr}}
@media print{.wb-octets .wb-dump{max-height:none}.wb-octets .f{break-inside:avoid}}
"""

# Hovering or focusing a field marks its octets, and the other way round. `root` is an element that holds octet views.
OCTETS_SCRIPT = """
function wbOctets(root){
  const mark=(e,on)=>{const t=e.target.closest&&e.target.closest('[data-f]');if(!t)return;
    const box=t.closest('.wb-octets');if(!box)return;
    box.querySelectorAll('[data-f="'+t.dataset.f+'"]').forEach(n=>n.classList.toggle('on',on));};
  root.addEventListener('mouseover',e=>mark(e,true));root.addEventListener('mouseout',e=>mark(e,false));
  root.addEventListener('focusin',e=>mark(e,true));root.addEventListener('focusout',e=>mark(e,false));
  root.addEventListener('click',e=>{const o=e.target.closest&&e.target.closest('.o[data-f]');if(!o)return;
    const l=o.closest('.wb-octets').querySelector('li[data-f="'+o.dataset.f+'"]');
    if(l){l.scrollIntoView({block:'nearest'});l.querySelector('.f').focus();}});
  root.addEventListener('keydown',e=>{const f=e.target.closest&&e.target.closest('.wb-octets .f[tabindex]');
    if(!f||(e.key!=='ArrowDown'&&e.key!=='ArrowUp'))return;
    const all=[...f.closest('.wb-octets').querySelectorAll('.f[tabindex]')];
    const n=all[all.indexOf(f)+(e.key==='ArrowDown'?1:-1)];if(n){e.preventDefault();e.stopPropagation();n.focus();}});
}
"""


def octets_html(
    explained: Explained | Layer, *, style: bool = True, script: bool = True,
    meaning: Callable[[Field], str] | None = None, heading: bool = True,
) -> str:
    """Octets and explanation side by side: hovering or focusing one marks the other.

    Args:
        explained: a frame (with the layers behind it) or one layer.
        style: whether the style sheet comes with it.
        script: whether the few lines that link octets and fields come with it; reading works without.
        meaning: gives the HTML that stands for a field's meaning, where a page keeps meanings in one place.
        heading: whether the title is shown.
    """
    parts = [f'<div class="wb-octets">{f"<style>{OCTETS_STYLE}</style>" if style else ""}']
    count = [0]
    said = meaning or meaning_html
    if heading:
        parts.append(f"<h4>{escape(explained.title)}</h4>")
    parts.append(_block(explained.fields, explained.octets, count, said))
    if isinstance(explained, Explained):
        for layer in explained.layers:
            parts.append(f"<section><h4>{escape(layer.title)}</h4>{_block(layer.fields, layer.octets, count, said)}"
                         "</section>")
    covered = coverage(explained)
    parts.append(f'<p class="m">{covered.explained_octets} of {covered.octets} octets explained</p>')
    if script:
        parts.append("<script>" + OCTETS_SCRIPT + "wbOctets(document.currentScript.parentElement)</script>")
    parts.append("</div>")
    return "".join(parts)


def meaning_html(field: Field) -> str:
    """A field's meaning, clause and standing as HTML."""
    parts = [f'<span class="m">{escape(field.meaning)}'] if field.meaning else ['<span class="m">']
    if field.clause:
        parts.append(f' <cite class="c">{escape(field.clause)}</cite>')
    if field.provisional:
        parts.append(' <span class="p">provisional</span>')
    return "".join(parts) + "</span>" if field.meaning or field.clause else ""


def _block(fields: tuple[Field, ...], octets: bytes, count: list[int], said: Callable[[Field], str]) -> str:
    first = count[0]
    tree = "".join(_item(field, octets, count, said) for field in fields)
    count[0] = first
    dump = "".join(f"<div>{_dump(field, octets, count)}</div>" for field in fields)
    return (f'<div class="wb-dump" tabindex="0" role="region" aria-label="octets">{dump}</div>'
            f'<ul aria-label="fields">{tree}</ul>')


def _item(field: Field, octets: bytes, count: list[int], said: Callable[[Field], str]) -> str:
    number = focus = ""
    if not field.children:
        # One stop for the Tab key; the arrow keys walk on from there.
        focus = f" tabindex={-1 if count[0] else 0}"
        number = f' data-f="{count[0]}"'
        count[0] += 1
    text = said_by(field, octets)
    length = field.end - field.start
    place = f"octet {field.start}" if length == 1 else f"octets {field.start}–{field.end - 1}"
    shown = "" if field.children else f" {_hex(octets, field, 16)}"
    small = " lay" if not field.children and is_layout(field, octets) else ""
    children = "".join(_item(child, octets, count, said) for child in field.children)
    return (
        f'<li{number}><div class="f{small}"{focus}>'
        f'<div><span class="l">{escape(field.label)}</span><span class="h">{place}{shown}</span></div>'
        f'<div><span class="v">{escape(text)}</span>{said(field)}</div></div>'
        f"{f'<ul>{children}</ul>' if children else ''}</li>")


def _dump(field: Field, octets: bytes, count: list[int]) -> str:
    if field.children:
        return "".join(_dump(child, octets, count) for child in field.children)
    number = count[0]
    count[0] += 1
    if field.start == field.end:
        return ""
    if is_text(field, octets):
        end = min(field.end, field.start + _MOST_DUMPED)
        more = f" … ({field.end - end:,} more octets)" if field.end > end else ""
        text = octets[field.start:end].decode("utf-8", "replace") + more
        return f'<span class="o" data-f="{number}">{_lines(text)}</span>'
    return f'<span class="o x" data-f="{number}">{_hex(octets, field, _MOST_DUMPED // 4)}</span> '


def _lines(text: str) -> str:
    """Text with its line ends both shown (↵ for CRLF, ↓ for LF alone) and obeyed."""
    return '<span class="ctl">↵</span>\n'.join(
        '<span class="ctl">↓</span>\n'.join(escape(part) for part in line.split("\n")) for line in text.split("\r\n"))


def _hex(octets: bytes, field: Field, most: int) -> str:
    shown = octets[field.start:min(field.end, field.start + most)].hex(" ")
    return shown + (" …" if field.end - field.start > most else "")
