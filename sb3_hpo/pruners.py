"""Name -> Optuna pruner, and what the steps are that a trial reports at.

A trial trains its tuning seeds one after the other. What it reports depends on its pruner:

- Most pruners compare learning curves, and their resource, or step, is *environment steps*. The ``i``-th seed reports
  each evaluation at ``i * n_timesteps`` plus the environment steps of its training, whatever the earlier seeds really
  took, so that the same step means the same in every trial. The value is the mean return, for later seeds the mean
  over the seeds so far as it is expected to become (:class:`sb3_hpo.callbacks.TrialEvalCallback`).
- ``wilcoxon`` compares two configurations seed by seed. Its step is the *index of the seed*, from 0, and the value the
  score of that seed's whole training.

A package adds its own pruner by naming it in its ``pyproject.toml``::

    [project.entry-points."sb3_hpo.pruners"]
    my_pruner = "my_package.pruners:MyPruner"

A subclass of Optuna's ``BasePruner``, or a function that returns one. Its keyword arguments are what
``--pruner-kwargs`` may give. With an attribute ``step_is_seed = True`` it gets the scores of seeds, as ``wilcoxon``
does.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import optuna
from optuna.pruners import BasePruner

from sb3_hpo import promotion
from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.factories import build, load_factory, names_in
from sb3_hpo.promotion import PausingPruner, Rungs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optuna.trial import FrozenTrial

ENTRY_POINT_GROUP = "sb3_hpo.pruners"

FIRST_RUNG = 0.15
"""Share of a training after which halving compares trials for the first time."""

REDUCTION_FACTOR = 3
"""Halving keeps the best third at each rung: at 15 and at 45 percent of the first training of a trial."""

STEP_IS_SEED = "step_is_seed"
"""Attribute of a third-party pruner (class or function) that compares seed by seed."""

_KIND = "pruner"


@dataclasses.dataclass(frozen=True)
class PruningScale:
    """What the steps that a trial reports at mean.

    :param n_timesteps: environment steps of one training
    :param n_seeds: trainings of one trial, one after the other
    :param n_startup_trials: trials that are never pruned by comparison with the median
    :param n_evaluations: evaluations of one training
    :param n_trials: trials that the budget allows; None where only time bounds them
    :param first_rung: share of a training at which halving that promotes compares trials first
    """

    n_timesteps: int
    n_seeds: int
    n_startup_trials: int
    n_evaluations: int = 20
    n_trials: int | None = None
    first_rung: float = promotion.FIRST_RUNG

    @property
    def total(self) -> int:
        """Environment steps of one trial."""
        return self.n_timesteps * self.n_seeds


def pruner_names() -> list[str]:
    """Names of all pruners: this project's, then those of installed packages."""
    return list(dict.fromkeys([*PRUNERS, *names_in(ENTRY_POINT_GROUP)]))


def create_pruner(name: str, scale: PruningScale, kwargs: Mapping[str, Any] | None = None) -> BasePruner:
    """The Optuna pruner of that name.

    :param name: one of :func:`pruner_names`
    :param kwargs: keyword arguments of Optuna's class, by Optuna's names; steps and resources in environment steps
    :raises UserError: for an unknown name, an unknown option, a value that the pruner does not take, and a pruner that
        could never prune a trial
    """
    check_pruner(name)
    if name in PRUNERS:
        return PRUNERS[name](scale, kwargs or {})
    pruner = build(_KIND, name, _third_party(name), kwargs or {}, preset={})
    if not isinstance(pruner, BasePruner):
        raise UserError(f"pruner {name!r} made {pruner!r}, it must be a pruner of Optuna")
    return pruner


def check_pruner(name: str) -> None:
    """Check a pruner's name.

    :raises UserError: for an unknown name
    """
    names = pruner_names()
    if name not in names:
        raise unknown_name(_KIND, name, names)


def compares_seeds(name: str, kwargs: Mapping[str, Any] | None = None) -> bool:
    """Whether the steps of a pruner are seeds: trials report a score for each seed instead of every evaluation."""
    if name == "patient":
        return compares_seeds(str((kwargs or {}).get("wrapped_pruner", _PATIENT_WRAPS)))
    if name in PRUNERS:
        return name == "wilcoxon"
    return name in names_in(ENTRY_POINT_GROUP) and bool(getattr(_third_party(name), STEP_IS_SEED, False))


def _third_party(name: str) -> Callable[..., Any]:
    return load_factory(_KIND, name, ENTRY_POINT_GROUP, BasePruner)


class LatestOfLaterSeeds(BasePruner):
    """Lets a pruner that looks at the best value of a trial so far see only the latest from the second seed on.

    The median and percentile pruners compare the best intermediate value with those of other trials *at the same
    step*, since a learning curve is noisy. Once the first seed is done its peak would be that best value for ever, and
    a trial that failed on every later seed would go on.

    :param pruner: Optuna's pruner
    :param scale: where the second seed begins
    """

    def __init__(self, pruner: BasePruner, scale: PruningScale) -> None:
        self._pruner = pruner
        # The first evaluation of the second seed. The last one of the first may overstep its end by some environments.
        self._second_seed = scale.n_timesteps + max(1, scale.n_timesteps // scale.n_evaluations)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to prune the trial after its latest report."""
        step = trial.last_step
        if step is not None and step >= self._second_seed:
            latest = trial.intermediate_values[step]
            trial = copy.copy(trial)
            trial.intermediate_values = dict.fromkeys(trial.intermediate_values, latest)
        return self._pruner.prune(study, trial)


def _none(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    def no_pruner() -> BasePruner:
        return optuna.pruners.NopPruner()

    return build(_KIND, "none", no_pruner, kwargs, preset={})


def _median(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    pruner = _warming_up("median", optuna.pruners.MedianPruner, scale, kwargs, n_startup_trials=scale.n_startup_trials)
    return LatestOfLaterSeeds(pruner, scale) if scale.n_seeds > 1 else pruner


def _percentile(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    preset = {"percentile": 25.0, "n_startup_trials": scale.n_startup_trials}
    pruner = _warming_up("percentile", optuna.pruners.PercentilePruner, scale, kwargs, **preset)
    return LatestOfLaterSeeds(pruner, scale) if scale.n_seeds > 1 else pruner


def _threshold(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    if "lower" not in kwargs and "upper" not in kwargs:
        raise UserError(
            "pruner 'threshold' needs a mean return to prune below or above: --pruner-kwargs 'lower: 100', or upper"
        )
    return _warming_up("threshold", optuna.pruners.ThresholdPruner, scale, kwargs)


def _warming_up(
    name: str, make: Callable[..., BasePruner], scale: PruningScale, kwargs: Mapping[str, Any], **preset: Any
) -> BasePruner:
    # The zoo warms up for a third of the evaluations too (rl_zoo3, exp_manager.py).
    keywords = {"n_warmup_steps": scale.n_timesteps // 3, **preset}
    pruner = build(_KIND, name, make, kwargs, preset=keywords)
    _check_it_acts(name, scale, n_warmup_steps={**keywords, **kwargs}["n_warmup_steps"])
    return pruner


def _halving(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    return _with_rungs("halving", optuna.pruners.SuccessiveHalvingPruner, scale, kwargs)


def _hyperband(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    return _with_rungs("hyperband", optuna.pruners.HyperbandPruner, scale, kwargs, max_resource=scale.total)


def _with_rungs(
    name: str, make: Callable[..., BasePruner], scale: PruningScale, kwargs: Mapping[str, Any], **preset: Any
) -> BasePruner:
    keywords = {"min_resource": max(1, int(FIRST_RUNG * scale.n_timesteps)), "reduction_factor": REDUCTION_FACTOR}
    pruner = build(_KIND, name, make, kwargs, preset={**keywords, **preset})
    _check_it_acts(name, scale, min_resource={**keywords, **kwargs}["min_resource"])
    return pruner


def _promote(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    def pausing_pruner(
        first_rung: float = scale.first_rung, reduction_factor: int = promotion.REDUCTION_FACTOR
    ) -> BasePruner:
        rungs = Rungs.of(scale.n_timesteps, first_rung, reduction_factor)
        if scale.n_trials is not None and scale.n_trials < promotion.FEWEST_TRIALS:
            return PausingPruner(Rungs((scale.total,)))
        return PausingPruner(rungs.at_evaluations(max(1, scale.n_timesteps // scale.n_evaluations)))

    pruner = build("pruner", "promote", pausing_pruner, kwargs, preset={})
    _check_it_acts("promote", scale)
    return pruner


_PATIENT_WRAPS = "median"


def _patient(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    base = kwargs.get("wrapped_pruner", _PATIENT_WRAPS)
    if not isinstance(base, str):
        raise UserError(f"pruner_kwargs: wrapped_pruner is {base!r}, it must be the name of a pruner")
    # Optuna's own meaning of none: a trial without improvement is pruned, however it compares with others.
    wrapped = None if base == "none" else create_pruner(base, scale)

    def make(wrapped_pruner: str = base, patience: int = 0, min_delta: float = 0.0) -> BasePruner:
        return optuna.pruners.PatientPruner(wrapped, patience, min_delta)

    patience = 1 if compares_seeds(base) else max(1, scale.n_evaluations // 4)
    pruner = build(_KIND, "patient", make, kwargs, preset={"patience": patience})
    _check_it_acts("patient", scale)
    return pruner


def _wilcoxon(scale: PruningScale, kwargs: Mapping[str, Any]) -> BasePruner:
    keywords = {"p_threshold": 0.1, "n_startup_steps": 2}
    pruner = build(_KIND, "wilcoxon", optuna.pruners.WilcoxonPruner, kwargs, preset=keywords)
    keywords.update(kwargs)
    needed = _seeds_for_significance(keywords["p_threshold"], int(keywords["n_startup_steps"]))
    if needed is None or scale.n_seeds < needed:
        at_least = "no number of seeds is" if needed is None else f"fewer than {needed} are never"
        raise UserError(
            f"pruner 'wilcoxon' compares configurations seed by seed, and n_seeds is {scale.n_seeds}: {at_least} "
            f"enough for p_threshold {keywords['p_threshold']!r} and n_startup_steps {keywords['n_startup_steps']!r}; "
            f"give --n-seeds {needed or 4} or more, or another pruner"
        )
    return pruner


def _seeds_for_significance(p_threshold: float, n_startup_steps: int) -> int | None:
    """Fewest pairs with which a signed-rank test can be significant: losing on all ``n`` has ``p = 2**-n``."""
    if p_threshold <= 0.0:
        return None
    n = max(2, n_startup_steps)
    while 0.5**n >= p_threshold:
        n += 1
    return n


def _check_it_acts(name: str, scale: PruningScale, **first_step: object) -> None:
    if scale.n_evaluations * scale.n_seeds < 2:
        raise UserError(
            f"pruner {name!r} compares trials while they are trained, and n_evaluations is {scale.n_evaluations}: "
            "after a single evaluation nothing is left to prune; give --n-evaluations 2 or more, or --pruner none"
        )
    for option, step in first_step.items():
        if isinstance(step, int) and step > 1 and step >= scale.total:
            raise UserError(
                f"pruner {name!r} with {option} {step} never prunes: a trial has {scale.total} environment steps "
                f"(n_timesteps {scale.n_timesteps} on n_seeds {scale.n_seeds})"
            )


PRUNERS: dict[str, Callable[[PruningScale, Mapping[str, Any]], BasePruner]] = {
    "promote": _promote,
    "none": _none,
    "median": _median,
    "percentile": _percentile,
    "halving": _halving,
    "hyperband": _hyperband,
    "patient": _patient,
    "threshold": _threshold,
    "wilcoxon": _wilcoxon,
}
