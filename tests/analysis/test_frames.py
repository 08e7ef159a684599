"""Frame numbers in little memory."""

from __future__ import annotations

import pickle

from workbench.analysis.frames import Frames


def test_frames_are_as_the_tuple_of_their_numbers() -> None:
    """They compare, hash, print and are taken apart as a tuple would."""
    numbers = (1, 2, 5, 4_000_000_000)
    frames = Frames(numbers)
    assert frames == numbers and numbers == frames and frames == Frames(numbers) and frames != (1, 2)
    assert hash(frames) == hash(numbers) and repr(frames) == repr(numbers)
    assert (frames[:2], frames[-1], len(frames), 5 in frames, 3 in frames) == ((1, 2), numbers[-1], 4, True, False)
    assert not Frames() and pickle.loads(pickle.dumps(frames)) == numbers
