"""What the author of a search space inherits to test it."""

from __future__ import annotations

import copy
import itertools
import json
import math
from typing import TYPE_CHECKING, Any, ClassVar

import optuna

from sb3_hpo.search_space import Budget, SearchSpace
from sb3_hpo.transforms import OutsideSpaceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sb3_hpo.parameter import Parameter
    from sb3_hpo.transforms import Plain

N_SAMPLES = 50
"""Configurations that are sampled from each variant of a space."""

_BUDGETS = [
    Budget(n_timesteps, n_envs, max_episode_steps)
    for n_timesteps in (50, 1_000, 37_000, 10_000_000)
    for n_envs in (1, 3, 16)
    for max_episode_steps in (None, 200)
]


class SearchSpaceTestCase:
    """Tests that every search space should pass.

    Inherit it, name the space, and run pytest::

        from sb3_hpo.testing import SearchSpaceTestCase

        class TestMySpace(SearchSpaceTestCase):
            search_space = MY_SPACE

    Each test runs for tasks with all features that make a difference, with none, and with each alone.
    It needs no model and no environment.
    """

    search_space: ClassVar[SearchSpace]
    """The space to test: what to override."""

    def variants(self) -> Iterator[SearchSpace]:
        """The space for tasks with different features."""
        features = self.search_space.features
        choices = {features, frozenset[str](), *(frozenset({feature}) for feature in features)}
        for chosen in sorted(choices, key=sorted):
            yield self.search_space.for_features(chosen)

    def sampled(self) -> Iterator[tuple[SearchSpace, dict[str, Plain]]]:
        """Seeded random configurations of every variant, each with its space."""
        for space in self.variants():
            study = _study()
            for _ in range(N_SAMPLES):
                yield space, space.suggest(study.ask())

    def test_sampled_params_go_there_and_back(self) -> None:
        """``to_params(to_hyperparams(params)) == params``."""
        for space, params in self.sampled():
            assert_there_and_back(space, params)

    def test_every_point_of_every_range_goes_there_and_back(self) -> None:
        """Also the ends of ranges, where a value may stand for something special."""
        for space in self.variants():
            study = _study()
            for parameter in space:
                for point in parameter.grid(5):
                    study.enqueue_trial({**_conditions(space, parameter), parameter.name: point})
                    params = space.suggest(study.ask())
                    assert params[parameter.name] == point, f"{parameter.name}: {point!r} cannot be had"
                    assert_there_and_back(space, params)

    def test_different_params_are_different_hyperparams(self) -> None:
        """No two values of a parameter mean the same."""
        for space in self.variants():
            for parameter in space:
                params = _params_with(space, parameter)
                images = [
                    space.to_hyperparams({**_without_dependents(space, params, parameter, point)})
                    for point in parameter.grid(5)
                ]
                for one, other in itertools.combinations(images, 2):
                    assert one != other, f"{parameter.name}: two of its values give {one!r}"

    def test_params_and_hyperparams_are_plain(self) -> None:
        """Both can be stored and written as text, and come back as they were."""
        for space, params in self.sampled():
            for values in (params, space.to_hyperparams(params)):
                assert json.loads(json.dumps(values)) == values

    def test_ranges_are_static(self) -> None:
        """A parameter has one range, whatever the values of others."""
        for space in self.variants():
            study = _study()
            for _ in range(N_SAMPLES):
                trial = study.ask()
                space.suggest(trial)
                assert trial.distributions == {name: space[name].distribution for name in trial.params}

    def test_default_of_the_algorithm_lies_inside(self) -> None:
        """A configuration that names no argument is one of the space's, the one with SB3's defaults."""
        for space in self.variants():
            try:
                params = space.to_params({})
            except OutsideSpaceError as error:
                raise AssertionError(f"a default lies outside the space: {error}") from error
            assert space.to_params(space.to_hyperparams(params)) == params

    def test_no_parameter_without_its_features(self) -> None:
        """A task is given none of the parameters whose features it lacks, nor what depends on them."""
        for parameter in self.search_space.for_features(frozenset()):
            assert not parameter.requires, parameter.name

    def test_what_was_made_to_fit_fits(self) -> None:
        """Fitting a configuration to a budget twice is fitting it once, and leaves the original alone."""
        for space in self.variants():
            study = _study()
            for budget in _BUDGETS:
                configuration = space.to_hyperparams(space.suggest(study.ask()))
                original = copy.deepcopy(configuration)
                fitted = space.fitted(configuration, budget)
                assert configuration == original
                assert space.fitted(fitted, budget) == fitted


def assert_there_and_back(space: SearchSpace, params: Mapping[str, Plain]) -> None:
    """Assert the law that every space keeps: ``to_params(to_hyperparams(params)) == params``.

    Floats may differ by the rounding of ``1 - x``.
    """
    hyperparams = space.to_hyperparams(params)
    back = space.to_params(hyperparams)
    assert list(back) == list(params), f"{dict(params)!r} came back as {back!r}"
    for name, value in params.items():
        assert _is_same(back[name], value), f"{name} = {value!r} came back as {back[name]!r} from {hyperparams!r}"


def _is_same(one: Plain, other: Plain) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and one == other


def _study() -> optuna.Study:
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


def _conditions(space: SearchSpace, parameter: Parameter) -> dict[str, Plain]:
    """Values of other parameters under which this one applies."""
    conditions: dict[str, Plain] = {}
    for other, allowed in parameter.when.items():
        conditions.update(_conditions(space, space[other]))
        conditions[other] = allowed[0]
    return conditions


def _params_with(space: SearchSpace, parameter: Parameter) -> dict[str, Plain]:
    """Some params among which is this parameter."""
    study = _study()
    study.enqueue_trial(_conditions(space, parameter))
    return space.suggest(study.ask())


def _without_dependents(
    space: SearchSpace, params: Mapping[str, Plain], parameter: Parameter, value: Plain
) -> dict[str, Any]:
    """``params`` with another value of a parameter, and with what applies then."""
    study = _study()
    study.enqueue_trial({**params, parameter.name: value})
    return space.suggest(study.ask())
