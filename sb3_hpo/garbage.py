"""Garbage collection after each trial, without the time that everything else in the process would take.

A model and its callbacks refer to one another, so that their memory comes back when Python's collector has looked at
*every* object: a third of a second with torch loaded, more with every trial that the study has. What was there before
the trials is kept out of its sight (``gc.freeze``).
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

N_TRIALS = 100
"""Trials after which what is kept out of sight is looked at again: garbage among it does not stay for ever."""


class LongLived:
    """What the collector leaves alone, because it stays anyway."""

    def __init__(self) -> None:
        self._n_trials = 0

    def trial_finished(self) -> None:
        """Look at everything now and then: the study's trials have become more, and they stay too."""
        self._n_trials += 1
        if self._n_trials % N_TRIALS == 0:
            gc.unfreeze()
            gc.collect()
            gc.freeze()


@contextlib.contextmanager
def long_lived() -> Iterator[LongLived]:
    """Have the collector leave alone what exists now, until the end of the block."""
    gc.freeze()
    try:
        yield LongLived()
    finally:
        gc.unfreeze()
