"""What a comparison found, as a table and in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT
from sb3_hpo.settings import TuningSettings
from sb3_hpo.wording import count, duration, interval_in_words, one_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sb3_hpo.comparing.result import ComparisonResult, SamplerResult
    from sb3_hpo.comparison import Comparison
    from sb3_hpo.grid import Grid


def result_table(result: ComparisonResult) -> Table:
    """A row for each sampler, in the order in which they were named."""
    table = Table(title=f"{result.subject.name}: the best of each search, on fresh seeds", title_justify="left")
    for heading in (
        "sampler",
        "true score (IQM)",
        "95 % interval",
        "of each repetition",
        "in the search",
        "trials",
        "time",
    ):
        table.add_column(heading, justify="left" if heading == "sampler" else "right")
    for of_sampler in result.by_sampler:
        table.add_row(*_row(of_sampler))
    for name, score in result.references.items():
        table.add_row(name, one_decimal(score))
    return table


def sentences(result: ComparisonResult) -> Iterator[str]:
    """What the comparison shows, and what it does not."""
    if result.subject.grid is not None:
        yield f"{result.subject.grid}."
    if result.n_left_out:
        yield (
            f"{count(result.n_left_out, 'configuration')} that stood as the best of a search for the shortest time "
            "had no trainings on fresh seeds; the one before stands in for each."
        )
    for of_sampler in result.by_sampler:
        missing = result.plan.n_repetitions - len(of_sampler.finals)
        if missing:
            n = result.plan.n_repetitions
            yield f"{of_sampler.sampler}: {missing} of {n} repetitions trained no trial to its end; they are left out."
    if "tpe" in result.plan.samplers:
        n = TuningSettings.n_startup_trials
        yield f"tpe draws its first {n} trials at random; then it learns from what there is."
    if result.ranking:
        best = result.ranking[0]
        for other, comparison in result.against_the_best():
            yield _compared(result, best, other, comparison)


def grid_in_words(grid: Grid, budget: int | None) -> str:
    """How large a grid is, and how much of it a search can try.

    :param budget: trainings of a search; None where only time bounds it
    """
    fewest, most = min(grid.shape.values()), max(grid.shape.values())
    values = f"{most}" if fewest == most else f"{fewest} to {most}"
    size = f"grid: {count(grid.n_points, 'point')} ({count(len(grid.shape), 'parameter')} of {values} values)"
    if budget is None:
        return size
    if budget >= grid.n_points:
        return f"{size}, all of which a search can try"
    return f"{size}, of which {count(budget, 'training')} of a search try {100 * budget / grid.n_points:.2g} %"


def _compared(result: ComparisonResult, best: SamplerResult, other: SamplerResult, comparison: Comparison) -> str:
    n = count(result.plan.n_repetitions, "repetition")
    interval = "" if comparison.ci95 is None else f", 95 % interval {interval_in_words(comparison.ci95)}"
    difference = f"{one_decimal(comparison.difference)}{interval}"
    n_fewest = min(len(best.finals), len(other.finals))
    if n_fewest < MIN_SEEDS_FOR_A_VERDICT:
        return (
            f"{count(n_fewest, 'repetition')} cannot tell {best.sampler} and {other.sampler} apart, whatever the "
            f"difference: it takes {MIN_SEEDS_FOR_A_VERDICT} or more ({difference})."
        )
    if comparison.verdict != "better":
        return f"{best.sampler} and {other.sampler} cannot be told apart by {n} (difference {difference})."
    text = f"{best.sampler} is better than {other.sampler} (difference {difference})"
    spent = result.spent_until_as_good(best.sampler, other, "steps")
    if spent is None or result.plan.budget is None:
        return f"{text}."
    trainings = spent / result.subject.steps_per_training
    return f"{text}: after {trainings:.1f} trainings it had found what {other.sampler} had after {result.plan.budget}."


def _row(result: SamplerResult) -> tuple[str, ...]:
    return (
        result.sampler,
        "" if result.center is None else one_decimal(result.center),
        "" if result.ci95 is None else interval_in_words(result.ci95),
        _spread(result.finals),
        "" if result.claimed is None else one_decimal(result.claimed),
        f"{result.n_trials:.1f}".removesuffix(".0"),
        _time(result.seconds) if result.seconds else "",
    )


def _spread(values: tuple[float, ...]) -> str:
    if len(values) <= 8:
        return " ".join(f"{value:.0f}" for value in values)
    return f"{min(values):.0f} to {max(values):.0f}"


def _time(seconds: float) -> str:
    return duration(seconds) if seconds < 7_200 else f"{seconds / 3_600:,.1f} h"
