"""What the other witness says of a capture, in lines for people: `analyze --witness`, and notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.views.palette import escape, plain, themed
from workbench.views.widgets.pictures import Picture
from workbench.witness.values import Disagreement, Opinion

_MOST_SHOWN = 20
_MOST_VALUES = 12
_MOST_SIGNS = 200
_MOST_FRAMES = 6
Line = tuple[str, bool]
"""A line, and whether it tells something that should not be."""


def opinion_lines(opinion: Opinion) -> Iterator[Line]:
    """How much was compared of each protocol, then each disagreement, then what differs for a known reason."""
    if opinion.missing:
        yield opinion.missing, False
        return
    disagreements = len(opinion.disagreements) + opinion.left_out
    explained = len(opinion.known) + opinion.known_left_out
    yield (f"second opinion of {opinion.witness}: {_count(disagreements, 'disagreement')}, "
           f"{_count(explained, 'known difference')}"), disagreements > 0
    for one in opinion.summaries():
        both = f"{_count(one.messages, 'message')} on both sides; " if one.messages else ""
        known = f", {_count(one.known, 'known difference')}" if one.known else ""
        yield f"  {one.protocol}: {both}{_count(one.compared, 'field')} compared, {one.agreed} agree{known}", (
            one.differing > 0)
    for told in opinion.disagreements[:_MOST_SHOWN]:
        yield f"  {_disagreement(told)}", True
    if disagreements > _MOST_SHOWN:
        yield f"  and {disagreements - _MOST_SHOWN} more; --json gives the first {len(opinion.disagreements)}", True
    reasons: dict[str, list[Disagreement]] = {}
    for told in opinion.known:
        reasons.setdefault(told.known, []).append(told)
    for name, found in reasons.items():
        yield f"  known ({name}), {_frames([one.frame for one in found])}: {found[0].reason}", False
    for note in opinion.notes:
        yield f"  not compared: {note}", False


def opinion_text(opinion: Opinion) -> str:
    """The lines as text that steers no terminal."""
    return "\n".join(plain(line) for line, _ in opinion_lines(opinion))


STYLE = themed(".wb-opinion") + """
.wb-opinion{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;padding:.4em .6em;
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-opinion p{margin:.2em 0;white-space:pre-wrap;overflow-wrap:anywhere}
.wb-opinion .bad{color:var(--wb-bad);font-weight:600}
"""


def opinion_html(opinion: Opinion) -> str:
    """The lines as HTML."""
    lines = "".join(f"<p{' class=bad' if bad else ''}>{escape(line)}</p>" for line, bad in opinion_lines(opinion))
    return Picture(f"<style>{STYLE}</style><div class='wb-opinion'>{lines}</div>", "")._repr_html_()


def _disagreement(told: Disagreement) -> str:
    where = ", inside" if told.inside else ""
    return (f"frame {told.frame} disagrees: {told.protocol} {told.field}{where}: "
            f"ours {_listed(told.ours)}; theirs {_listed(told.theirs)}")


def _listed(values: Sequence[str]) -> str:
    """The first values of a field, each of a length that fits a line."""
    shown = [value if len(value) <= _MOST_SIGNS else value[:_MOST_SIGNS] + "..." for value in values[:_MOST_VALUES]]
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(shown) + more if values else "nothing"


def _frames(numbers: Sequence[int]) -> str:
    places = list(dict.fromkeys(numbers))
    more = ", ..." if len(places) > _MOST_FRAMES else ""
    return f"frame{'s' if len(places) > 1 else ''} {', '.join(map(str, places[:_MOST_FRAMES]))}{more}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
