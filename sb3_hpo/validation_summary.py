"""What the trainings of a validation came to: the ranking, with the comparison that it follows from."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from sb3_hpo.candidates import Candidate, Validated, Validation
from sb3_hpo.comparison import compare
from sb3_hpo.intervals import bootstrap_interval
from sb3_hpo.scores import iqm
from sb3_hpo.seeds import bootstrap_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.selection import Selection
    from sb3_hpo.validation_trainings import Trainings


def summarize(trainings: Trainings, default: Candidate, selection: Selection, seeds: Sequence[int]) -> Validation:
    """Rank the candidates by what was trained: the winner first.

    :param seeds: validation seeds that were asked for
    """
    compared = [default, *selection.ranking[:1]]
    n_done = min(len(trainings.scores(candidate, seeds)) for candidate in compared)
    done = list(seeds[:n_done])
    validated = [_validated(candidate, trainings, done) for candidate in compared]
    validated.extend(Validated(candidate, [], None, None) for candidate in selection.ranking[1:])
    validated.extend(Validated(candidate, [], None, None) for candidate in selection.failed)
    validated = [_with_selection(v, selection, trainings) for v in validated]
    comparison = None
    if trainings.failure(default) is not None:
        # Stable: the chosen finalist comes first, and the default before those that failed as it did.
        validated.sort(key=lambda v: v.failure is not None)
        return Validation(done, len(seeds), validated, None, selection.seeds)
    if len(compared) > 1 and done:
        default_late, late = (v.late_means for v in validated[:2])
        comparison = compare(
            validated[1].scores,
            validated[0].scores,
            bootstrap_generator(0),
            (late, default_late) if late and default_late else None,
        )
        if comparison.is_taken:
            validated[:2] = reversed(validated[:2])
    elif not done:
        # Stable, and the default is first: in a tie it stays ahead of what would replace it. What an unfinished
        # training had reached replaces nothing: agents that have hardly begun to learn say little.
        of_default = trainings.scores(default, seeds)
        validated.sort(key=lambda v: _rank_without_comparison(v, of_default), reverse=True)
    return Validation(done, len(seeds), validated, comparison, selection.seeds)


def _rank_without_comparison(validated: Validated, of_default: Sequence[float]) -> tuple[bool, bool, float]:
    """By the score of the search; where no trial of the default was complete, by what validation has of it."""
    score = validated.candidate.score
    if score is None and validated.candidate.is_default and of_default:
        score = float(iqm(of_default))
    return validated.failure is None, not validated.candidate.is_paused, -math.inf if score is None else score


def _validated(candidate: Candidate, trainings: Trainings, seeds: Sequence[int]) -> Validated:
    scores = trainings.scores(candidate, seeds)
    if not scores:
        return Validated(candidate, [], None, None)
    # One seed says nothing about the spread.
    interval = bootstrap_interval(scores, bootstrap_generator(0)) if len(scores) > 1 else None
    late_means = trainings.late_means(candidate, seeds) or []
    return Validated(candidate, scores, float(iqm(scores)), interval, late_means=late_means)


def _with_selection(validated: Validated, selection: Selection, trainings: Trainings) -> Validated:
    candidate = validated.candidate
    failure = trainings.failure(candidate)
    if candidate.is_default:
        return dataclasses.replace(validated, failure=failure)
    return dataclasses.replace(
        validated,
        failure=failure,
        selection_scores=trainings.scores(candidate, selection.seeds_of(candidate)),
        is_behind=failure is None
        and candidate not in selection.ranking[:1]
        and len(selection.seeds_of(candidate)) < len(selection.seeds),
    )
