from __future__ import annotations

import pytest

from sb3_hpo.comparing.plan import Plan, Search
from sb3_hpo.errors import UserError


def test_searches_take_turns_each_repetition_beginning_with_another_sampler() -> None:
    names = [search.name for search in Plan(n_repetitions=2).searches]
    assert names == ["grid-0", "random-0", "tpe-0", "random-1", "tpe-1", "grid-1"]


def test_searches_differ_in_their_sampler_alone_and_in_nothing_that_depends_on_time() -> None:
    plan = Plan(grid_points=2)
    settings = [plan.settings(Search(sampler, 0), seed=3) for sampler in plan.samplers]
    assert [s.sampler for s in settings] == ["grid", "random", "tpe"]
    assert [s.sampler_kwargs for s in settings] == [{"points": 2}, {}, {}]
    assert {(s.pruner, s.seed, s.max_trial_cost, s.timeout) for s in settings} == {("none", 3, None, None)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samplers": ()}, "names no sampler"),
        ({"samplers": ("tpa",)}, "did you mean 'tpe'"),
        ({"pruner": "medium"}, "did you mean 'median'"),
        ({"budget": 0}, "--budget is 0"),
        ({"n_repetitions": 0}, "--repetitions is 0"),
        ({"n_seeds": 0}, "--n-seeds is 0"),
        ({"n_evaluations": 0}, "--n-evaluations is 0"),
        ({"n_eval_episodes": 0}, "--eval-episodes is 0"),
        ({"seed": -1}, "--seed is -1"),
        ({"timeout": 3.0}, "give one of the two"),
        ({"budget": None}, "give one of the two"),
        ({"budget": None, "timeout": 0.0}, "--timeout is 0"),
    ],
)
def test_what_cannot_be_compared_is_told(options, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Plan(**options)
