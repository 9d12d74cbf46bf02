from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

from sb3_hpo import factories
from sb3_hpo.delegating_sampler import DelegatingSampler
from sb3_hpo.errors import UserError
from sb3_hpo.parameter import Parameter
from sb3_hpo.pruners import PruningScale
from sb3_hpo.samplers import (
    ENTRY_POINT_GROUP,
    SAMPLERS,
    SamplingContext,
    check_sampler,
    create_sampler,
    exhaustive_grid,
    sampler_names,
)
from sb3_hpo.search_space import SearchSpace
from tests.curves import FINITE, SMALL, curve_objective
from tests.tasks import SPACE

if TYPE_CHECKING:
    import numpy as np

OF_OPTUNA = {
    "random": optuna.samplers.RandomSampler,
    "tpe": optuna.samplers.TPESampler,
    "qmc": optuna.samplers.QMCSampler,
    "gp": optuna.samplers.GPSampler,
    "cmaes": optuna.samplers.CmaEsSampler,
    "brute-force": optuna.samplers.BruteForceSampler,
}


def context(space: SearchSpace = SPACE, seed: int = 0, n_startup_trials: int = 3) -> SamplingContext:
    return SamplingContext(space, seed, seed, n_startup_trials)


def create(name: str, kwargs: dict[str, Any] | None = None, **options: Any) -> optuna.samplers.BaseSampler:
    return create_sampler(name, context(**options), kwargs)


def samples(name: str, seed: int, n_startup_trials: int = 3, n_trials: int = 6) -> list[dict]:
    space = FINITE if name == "brute-force" else SPACE
    sampler = create(name, space=space, seed=seed, n_startup_trials=n_startup_trials)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    n_trials = 4 if name == "gp" else n_trials
    study.optimize(lambda trial: -abs(next(iter(space.suggest(trial).values())) - 0.01), n_trials=n_trials)
    return [trial.params for trial in study.trials]


def of_optuna(sampler: optuna.samplers.BaseSampler) -> optuna.samplers.BaseSampler:
    while isinstance(sampler, DelegatingSampler):
        sampler = sampler.sampler
    return sampler


@pytest.mark.parametrize("name", [*OF_OPTUNA, "grid"])
def test_every_sampler_runs_a_study(name: str) -> None:
    """A space with a parameter of every kind and a conditional one; warnings are errors here."""
    space = FINITE if name == "brute-force" else SMALL
    study = optuna.create_study(direction="maximize", sampler=create(name, space=space))
    study.optimize(curve_objective(space, PruningScale(20, 1, 0)), n_trials=8)
    assert len(study.trials) == 8
    assert len({tuple(trial.params.items()) for trial in study.trials}) > 4
    assert isinstance(of_optuna(study.sampler), OF_OPTUNA.get(name, optuna.samplers.BaseSampler))


def test_all_names_are_there() -> None:
    assert set(SAMPLERS) == {*OF_OPTUNA, "grid"}
    assert sampler_names() == list(SAMPLERS)


@pytest.mark.parametrize("name", SAMPLERS)
def test_seed_fixes_what_is_sampled(name: str) -> None:
    assert samples(name, seed=1) == samples(name, seed=1)
    assert samples(name, seed=1) != samples(name, seed=2)


@pytest.mark.parametrize("name", ["qmc", "grid"])
def test_shared_sequence_is_that_of_the_study_whoever_draws_from_it(name: str) -> None:
    ours, theirs = (create_sampler(name, SamplingContext(SPACE, seed, 7, 0)) for seed in (1, 2))
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, sampler=ours, study_name="s")
    alone = optuna.create_study(sampler=create_sampler(name, SamplingContext(SPACE, 3, 7, 0)))
    for _ in range(6):
        study.sampler = theirs if study.sampler is ours else ours
        for s in (study, alone):
            trial = s.ask()
            SPACE.suggest(trial)
            s.tell(trial, 0.0)
    # The first trial of QMC, and categorical parameters, are drawn at random.
    names = ["learning_rate", "one_minus_gamma"]
    assert [[t.params[n] for n in names] for t in study.trials[1:]] == [
        [t.params[n] for n in names] for t in alone.trials[1:]
    ]


def test_tpe_learns_after_as_many_trials_as_it_was_told() -> None:
    soon, late = samples("tpe", 0, n_startup_trials=3), samples("tpe", 0, n_startup_trials=100)
    assert soon[:3] == late[:3]
    assert soon[3] != late[3]


def test_random_never_learns() -> None:
    assert samples("random", 0, n_startup_trials=1) == samples("random", 0, n_startup_trials=100)


@pytest.mark.parametrize(
    ("name", "kwargs", "attribute"),
    [
        ("tpe", {"n_ei_candidates": 7}, "_n_ei_candidates"),
        ("tpe", {"multivariate": False}, "_multivariate"),
        ("tpe", {"group": True}, "_group"),
        ("tpe", {"n_startup_trials": 1}, "_n_startup_trials"),
        ("qmc", {"qmc_type": "halton"}, "_qmc_type"),
        ("gp", {"deterministic_objective": True}, "_deterministic"),
        ("cmaes", {"popsize": 5}, "_popsize"),
        ("cmaes", {"with_margin": True}, "_with_margin"),
    ],
)
def test_options_reach_the_sampler(name: str, kwargs: dict, attribute: str) -> None:
    assert getattr(of_optuna(create(name, kwargs)), attribute) == next(iter(kwargs.values()))


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("tpe", {"n_ei_candidate": 7}, "unknown option in sampler_kwargs of sampler 'tpe' 'n_ei_candidate': did you"),
        ("tpe", {"n_ei_candidates": "many"}, "sampler_kwargs: n_ei_candidates is 'many', it must be int"),
        ("tpe", {"n_ei_candidates": True}, "sampler_kwargs: n_ei_candidates is True, it must be int"),
        (
            "tpe",
            {"random_fraction": 1.1},
            "sampler 'tpe' does not take random_fraction 1.1: .* a probability: from 0 to",
        ),
        ("tpe", {"n_ei_candidates": 0}, "sampler 'tpe' does not take n_ei_candidates 0: .* must be at least 1"),
        ("tpe", {"random_fractoin": 0.3}, "'random_fractoin': did you mean 'random_fraction'"),
        ("tpe", {"random_fraction": "half"}, "sampler_kwargs: random_fraction is 'half', it must be float"),
        ("tpe", {"gamma": 3}, "gamma of sampler 'tpe' is an object of Python"),
        ("tpe", {"seed": 3}, "seed of sampler 'tpe' is not given here: --seed sets it"),
        ("random", {"sede": 3}, "unknown option in sampler_kwargs of sampler 'random' 'sede'"),
        ("qmc", {"qmc_type": "sobbol"}, "sampler 'qmc' does not take qmc_type 'sobbol': .*halton"),
        ("tpe", {"group": True, "multivariate": False}, "sampler 'tpe' does not take .*multivariate"),
        ("cmaes", {"with_margin": True, "use_separable_cma": True}, "sampler 'cmaes' does not take"),
        ("grid", {"point": 3}, "unknown option in sampler_kwargs of sampler 'grid' 'point': did you mean 'points'"),
        ("grid", {"seed": 3}, "unknown option in sampler_kwargs of sampler 'grid' 'seed'"),
        ("brute-force", {"avoid": True}, "unknown option .* 'avoid'"),
        ("brute-force", {}, "no end for learning_rate, one_minus_gamma: take --sampler grid"),
        ("tpee", {}, "unknown sampler 'tpee': did you mean 'tpe'"),
    ],
)
def test_what_cannot_work_is_told(name: str, kwargs: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        create(name, kwargs)
    assert "\n" not in str(caught.value)


def test_unknown_sampler_is_refused_before_anything_is_built() -> None:
    with pytest.raises(UserError, match="unknown sampler 'tpee': did you mean 'tpe'"):
        check_sampler("tpee")


def test_cmaes_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(UserError, match=r"'cmaes' needs a package .*pip install 'sb3-hpo\[cmaes\]'"):
        create("cmaes")


def test_cmaes_needs_numbers() -> None:
    space = SearchSpace((SPACE["learning_rate"], SPACE["n_steps"]))
    with pytest.raises(UserError, match="this space has 1"):
        create("cmaes", space=space)


def test_brute_force_tries_everything_once_and_knows_when_it_has() -> None:
    study = optuna.create_study(sampler=create("brute-force", space=FINITE))
    for _ in range(2):
        study.optimize(lambda trial: float(FINITE.suggest(trial)["width"]), n_trials=30)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == len(study.trials) == 36
    assert study.sampler.is_exhausted(study)


@pytest.mark.parametrize(
    ("name", "space", "kwargs", "n_points"),
    [
        ("grid", SPACE, {}, 3 * 3 * 2),
        ("grid", SPACE, {"points": 10}, 10 * 10 * 2),
        ("grid", SMALL, {"points": {"x": 5}}, 5 * 3 * 3 * (1 + 2)),
        ("brute-force", FINITE, {}, 3 * 4 * (1 + 2)),
        ("tpe", SPACE, {}, None),
    ],
)
def test_size_of_what_a_sampler_tries(name: str, space: SearchSpace, kwargs: dict, n_points: int | None) -> None:
    grid = exhaustive_grid(name, space, kwargs)
    assert (None if grid is None else grid.n_points) == n_points


class OurSampler(optuna.samplers.RandomSampler):
    """What a package of somebody else declares."""

    def __init__(self, seed: int, temperature: float = 1.0) -> None:
        super().__init__(seed)
        self.seed = seed
        self.temperature = temperature


def our_function(**kwargs: Any) -> optuna.samplers.BaseSampler:
    return OurSampler(5, **kwargs)


def not_a_sampler() -> int:
    return 3


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch):
    def declare(**values: str) -> None:
        points = [EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in values.items()]
        monkeypatch.setattr(factories, "entry_points", lambda group: [p for p in points if p.group == group])

    return declare


@pytest.mark.parametrize(("what", "seed"), [("OurSampler", 9), ("our_function", 5)])
def test_third_party_sampler_counts_as_the_own_ones(declare, what: str, seed: int) -> None:
    declare(ours=f"{__name__}:{what}")
    assert sampler_names() == [*SAMPLERS, "ours"]
    sampler = create("ours", {"temperature": 0.5}, seed=9)
    assert isinstance(sampler, OurSampler)
    assert (sampler.seed, sampler.temperature) == (seed, 0.5)


@pytest.mark.parametrize(
    ("value", "kwargs", "message"),
    [
        (f"{__name__}:OurSampler", {"temprature": 1.0}, "unknown option .* 'temprature': did you mean 'temperature'"),
        (f"{__name__}:OurSampler", {"temperature": "hot"}, "temperature is 'hot', it must be float"),
        ("no_such_package_at_all:S", {}, "sampler 'ours' cannot be loaded from 'no_such_package_at_all:S'"),
        ("math:pi", {}, "'math:pi' is 3.14.*, it must be a subclass of optuna's BaseSampler"),
        ("fractions:Fraction", {}, "it must be a subclass of optuna's BaseSampler"),
        (f"{__name__}:not_a_sampler", {}, "sampler 'ours' made 3"),
    ],
)
def test_broken_third_party_sampler_is_told(declare, value: str, kwargs: dict, message: str) -> None:
    declare(ours=value)
    with pytest.raises(UserError, match=message):
        create("ours", kwargs)


def test_unbounded_range_has_no_grid() -> None:
    endless = Parameter("noise", FloatDistribution(0.0, float("inf")), "noise", "a test", 0.1)
    space = SearchSpace((endless, Parameter("kind", CategoricalDistribution(["a", "b"]), "kind", "a test", "a")))
    with pytest.raises(UserError, match="no grid over parameter 'noise', whose range has no bounds"):
        create("grid", space=space)
    assert exhaustive_grid("grid", space, {"points": {"noise": [0.1, 1.0]}}).n_points == 4


@pytest.mark.parametrize(("kwargs", "n_candidates"), [({}, 4), ({"n_ei_candidates": 24}, 24)])
def test_tpe_proposes_the_best_of_few_candidates(monkeypatch, kwargs: dict, n_candidates: int) -> None:
    drawn: list[int] = []
    sample = _ParzenEstimator.sample

    def counted(self: _ParzenEstimator, rng: np.random.RandomState, size: int) -> dict[str, np.ndarray]:
        drawn.append(size)
        return sample(self, rng, size)

    monkeypatch.setattr(_ParzenEstimator, "sample", counted)
    sampler = create("tpe", {"random_fraction": 0.0, **kwargs})
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: SPACE.suggest(trial)["learning_rate"], n_trials=8)
    assert set(drawn) == {n_candidates}
