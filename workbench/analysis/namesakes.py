"""Which session of one capture is which of another: `call-2` is `call-1` where there was one more call before it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from workbench.analysis.common_order import ranges
from workbench.analysis.steps import Track

_MOST_SESSIONS = 4000

Told = Callable[[list[Track]], Hashable]


def namesakes(left: Sequence[Track], right: Sequence[Track]) -> dict[str, str]:
    """Names of sessions on the right, with their names on the left; sessions without a partner are not in it.

    In order of their beginning: first those that say the same, then those between the same nodes, then those of one
    kind. Of very many sessions the later ones are known by their numbers.
    """
    one, other = _sessions(left), _sessions(right)
    found = {"": ""}
    later = set(list(one)[_MOST_SESSIONS:])
    found |= {name: name for name in list(other)[_MOST_SESSIONS:] if name in later}
    _pair(found, list(one.items())[:_MOST_SESSIONS], list(other.items())[:_MOST_SESSIONS], [_words, _nodes, _kind])
    return found


def _sessions(tracks: Sequence[Track]) -> dict[str, list[Track]]:
    found: dict[str, list[Track]] = {}
    for track in tracks:
        if track.session:
            found.setdefault(track.session, []).append(track)
    return found


def _pair(found: dict[str, str], left: list[tuple[str, list[Track]]], right: list[tuple[str, list[Track]]],
          ways: list[Told]) -> None:
    """Pair what is equal in the first way, and what lies between in the others."""
    if not ways or not left or not right:
        return
    tell, *others = ways
    for equal, a, b, c, d in ranges([tell(tracks) for _, tracks in left], [tell(tracks) for _, tracks in right]):
        if equal:
            found.update((theirs, ours) for (ours, _), (theirs, _) in zip(left[a:b], right[c:d], strict=True))
        else:
            _pair(found, left[a:b], right[c:d], others)


def _words(tracks: list[Track]) -> Hashable:
    return frozenset((track.key[1:], tuple(step.told for step in track.steps)) for track in tracks)


def _nodes(tracks: list[Track]) -> Hashable:
    return frozenset(track.key[1:] for track in tracks if track.group not in ("order", "roles"))


def _kind(tracks: list[Track]) -> Hashable:
    return tracks[0].session.rpartition("-")[0]
