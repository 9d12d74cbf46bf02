"""The verdict that a command kept in the validation study, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sb3_hpo.report.plain import listed, mapping, numbers, whole
from sb3_hpo.report.study_data import Candidate, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = ("better", "not distinguishable", "worse")


def read_verdict(stored: object, shown: Callable[[str], str]) -> Verdict | None:
    """What the validation that ended last found; None where none has, or what is stored is no result.

    :param stored: the content of ``result.json``
    :param shown: takes passwords out of a text
    """
    if not isinstance(stored, Mapping):
        return None
    verdict, validation, winner = (mapping(stored.get(key)) for key in ("verdict", "validation", "winner"))
    default = _candidate("default", validation.get("default"), shown, is_default=True)
    finalists = [
        _candidate(f"trial {whole(finalist.get('trial'))}", finalist, shown)
        for finalist in map(mapping, listed(validation.get("finalists")))
    ]
    kind = verdict.get("verdict")
    # The finalist that was compared stands first among them, whoever of the two has won.
    compared = [*finalists[:1], default]
    return Verdict(
        kind=kind if kind in _KINDS else None,
        text=shown(str(verdict.get("text", ""))),
        winner=whole(winner.get("trial")),
        candidates=[*(compared if verdict.get("is_taken") is True else reversed(compared)), *finalists[1:]],
        seeds=[seed for seed in map(whole, listed(validation.get("seeds"))) if seed is not None],
        selection_seeds=[seed for seed in map(whole, listed(validation.get("selection_seeds"))) if seed is not None],
    )


def _candidate(name: str, stored: object, shown: Callable[[str], str], *, is_default: bool = False) -> Candidate:
    content = mapping(stored)
    iqm, interval = numbers([content.get("iqm")]), numbers(content.get("ci95"))
    return Candidate(
        name=name,
        scores=numbers(content.get("scores")),
        iqm=iqm[0] if iqm else None,
        ci95=(interval[0], interval[1]) if len(interval) == 2 else None,
        is_default=is_default,
        selection_scores=numbers(content.get("selection_scores")),
        failure=shown(str(content.get("failure") or "")),
    )
