"""How far a command is, as a worker looks it up at every step of a training."""

from __future__ import annotations

from sb3_hpo.commands import Phase


class PhaseFlag:
    """Set by a thread that listens, read by the one that trains. It only goes forward."""

    def __init__(self) -> None:
        self._phase = Phase.SEARCH

    @property
    def phase(self) -> Phase:
        """Where the command is."""
        return self._phase

    def enter(self, phase: Phase) -> None:
        """Go forward to a phase."""
        self._phase = max(self._phase, phase)

    @property
    def is_pending(self) -> bool:
        """Whether the search is over. Implements :class:`sb3_hpo.search.Stop`."""
        return self._phase >= Phase.VALIDATION

    @property
    def is_closing(self) -> bool:
        """Whether time is left only for trials that are trained to the end. For the clock of a worker."""
        return self._phase >= Phase.CLOSING

    def is_over(self) -> bool:
        """Whether the whole command is."""
        return self._phase >= Phase.END
