"""What a comparison found: the searches, what they are truly worth, and which one is better."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sb3_hpo.comparing.curves import N_POINTS, Axis, Curve, best_so_far, finals, first_at_least, interval
from sb3_hpo.comparison import Comparison, compare
from sb3_hpo.scores import iqm
from sb3_hpo.seeds import bootstrap_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.comparing.plan import Plan
    from sb3_hpo.comparing.traces import Trace


@dataclasses.dataclass(frozen=True)
class Subject:
    """What the searches were on.

    :param name: in words: an algorithm on an environment, or a table
    :param steps_per_training: environment steps of a training (of a table: evaluations)
    :param unit: what these steps are: ``environment steps``, or ``evaluations``
    :param grid: size of the grid, in words; None where no grid was searched
    """

    name: str
    steps_per_training: int
    unit: str
    grid: str | None = None


@dataclasses.dataclass(frozen=True)
class SamplerResult:
    """What the searches by one sampler came to.

    :param finals: true score of what each repetition found, in their order; repetitions that found nothing left out
    :param center: interquartile mean of these; None without any
    :param ci95: its 95 % bootstrap interval; None with fewer than two
    :param claimed: interquartile mean of the scores that the searches themselves gave to what they found
    :param n_trials: trials of each repetition, on average
    :param seconds: seconds that a repetition spent, on average
    """

    sampler: str
    finals: tuple[float, ...]
    center: float | None
    ci95: tuple[float, float] | None
    claimed: float | None
    n_trials: float
    seconds: float


class ComparisonResult:
    """What a comparison found.

    :param traces: of all searches
    :param fresh_scores: key of a configuration -> mean returns of its trainings on fresh seeds, one for each seed
    :param references: name -> true score of something to compare with, as the configuration tuned from
    :param n_left_out: incumbents that were not trained on fresh seeds; their traces are without them
    """

    def __init__(
        self,
        plan: Plan,
        subject: Subject,
        traces: Sequence[Trace],
        fresh_scores: Mapping[str, Sequence[float]],
        references: Mapping[str, float],
        n_left_out: int = 0,
    ) -> None:
        self.plan = plan
        self.subject = subject
        self.traces = sorted(traces, key=lambda t: (plan.samplers.index(t.search.sampler), t.search.repetition))
        self.fresh_scores = fresh_scores
        self.references = references
        self.n_left_out = n_left_out
        self.truth = {key: float(np.mean(scores)) for key, scores in fresh_scores.items()}
        self.by_sampler = [self._summarize(sampler) for sampler in plan.samplers]

    def of(self, sampler: str) -> list[Trace]:
        """The traces of one sampler."""
        return [trace for trace in self.traces if trace.search.sampler == sampler]

    @property
    def has_seconds(self) -> bool:
        """Whether it is known how long the searches took."""
        return any(trace.seconds > 0.0 for trace in self.traces)

    def end(self, axis: Axis) -> float:
        """Where the curves end: at the budget, or where the last search ended if nothing bounds that axis."""
        if axis == "steps" and self.plan.budget is not None:
            return float(self.plan.budget * self.subject.steps_per_training)
        if axis == "seconds" and self.plan.timeout is not None:
            return self.plan.timeout
        return float(max(getattr(trace, axis) for trace in self.traces))

    def curve(self, sampler: str, axis: Axis) -> Curve:
        """Best so far against what was spent."""
        n_points = N_POINTS
        if axis == "steps" and self.plan.budget is not None:
            # A point where each training ends.
            n_points = self.plan.budget * math.ceil(N_POINTS / self.plan.budget)
        return best_so_far(self.of(sampler), self.truth, axis, self.end(axis), n_points)

    @property
    def ranking(self) -> list[SamplerResult]:
        """The samplers that found something, the best first."""
        found = [result for result in self.by_sampler if result.center is not None]
        return sorted(found, key=lambda result: -(result.center or 0.0))

    def against_the_best(self) -> list[tuple[SamplerResult, Comparison]]:
        """How the best sampler compares with each other one."""
        ranking = self.ranking
        return [(other, compare(ranking[0].finals, other.finals, bootstrap_generator(0))) for other in ranking[1:]]

    def spent_until_as_good(self, sampler: str, other: SamplerResult, axis: Axis) -> float | None:
        """What a sampler had spent when it was as good as another one in the end; None if it never was."""
        return None if other.center is None else first_at_least(self.curve(sampler, axis), other.center)

    def as_mapping(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "subject": dataclasses.asdict(self.subject),
            "plan": dataclasses.asdict(self.plan),
            "references": dict(self.references),
            "incumbents_left_out": self.n_left_out,
            "samplers": {result.sampler: self._sampler_as_mapping(result) for result in self.by_sampler},
            "fresh_scores": {key: list(scores) for key, scores in self.fresh_scores.items()},
        }

    def _sampler_as_mapping(self, result: SamplerResult) -> dict[str, Any]:
        axes: tuple[Axis, ...] = ("steps", "seconds") if self.has_seconds else ("steps",)
        return {
            "true_score": {"iqm": result.center, "ci95": result.ci95, "of_each_repetition": list(result.finals)},
            "score_in_the_search": result.claimed,
            "curves": {axis: _as_lists(self.curve(result.sampler, axis)) for axis in axes},
            "repetitions": [
                {
                    "repetition": trace.search.repetition,
                    "trials": trace.n_trials,
                    "steps": trace.steps,
                    "seconds": trace.seconds,
                    "incumbents": [dataclasses.asdict(incumbent) for incumbent in trace.incumbents],
                }
                for trace in self.of(result.sampler)
            ],
        }

    def _summarize(self, sampler: str) -> SamplerResult:
        traces = self.of(sampler)
        found = finals(traces, self.truth)
        claimed = [trace.incumbents[-1].score for trace in traces if trace.incumbents]
        return SamplerResult(
            sampler,
            tuple(found),
            float(iqm(found)) if found else None,
            interval(found),
            float(iqm(claimed)) if claimed else None,
            float(np.mean([trace.n_trials for trace in traces])),
            float(np.mean([trace.seconds for trace in traces])),
        )


def _as_lists(curve: Curve) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in dataclasses.asdict(curve).items()}
