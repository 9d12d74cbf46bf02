from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.algorithms import algorithm_names, get_algorithm
from sb3_hpo.errors import UserError
from sb3_hpo.space_files import edited_space, read_space_file, to_yaml
from sb3_hpo.testing import assert_there_and_back
from sb3_hpo.transforms import ZeroAt

if TYPE_CHECKING:
    from sb3_hpo.search_space import SearchSpace

DQN = get_algorithm("dqn")


def edit(text: str, algo: str = "dqn") -> SearchSpace:
    return edited_space(algo, get_algorithm(algo), yaml.safe_load(text), "mine.yml")


@pytest.mark.parametrize("algo", algorithm_names())
def test_a_printed_space_reads_back_as_it_was(algo):
    space = get_algorithm(algo).search_space
    assert edit(to_yaml(space), algo) == space


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("{learning_rate: {low: 1e-4}}", "learning_rate", FloatDistribution(1e-4, 1e-2, log=True)),
        ("{learning_rate: {high: 0.1, log: false}}", "learning_rate", FloatDistribution(1e-5, 0.1)),
        ("{batch_size_pow: {low: 6, high: 10}}", "batch_size_pow", IntDistribution(6, 10)),
        ("{net_arch: medium}", "net_arch", CategoricalDistribution(["medium"])),
        ("{net_arch: {choices: [small, big]}}", "net_arch", CategoricalDistribution(["small", "big"])),
        ("{learning_starts: {value: 500}}", "learning_starts", CategoricalDistribution([500])),
        ("{tau: {type: float, low: 0.01, high: 1, log: true}}", "tau", FloatDistribution(0.01, 1, log=True)),
        (
            "{learning_starts: {type: categorical, choices: [0, 100]}}",
            "learning_starts",
            CategoricalDistribution([0, 100]),
        ),
    ],
)
def test_ranges_are_narrowed_widened_fixed_and_added(text, name, expected):
    changed = edit(f"parameters: {text}")
    assert changed[name].distribution == expected
    others = [parameter for parameter in DQN.search_space if parameter.name != name]
    assert [parameter for parameter in changed if parameter.name != name] == others


@pytest.mark.parametrize(
    ("text", "algo", "name", "choices"),
    [
        ("{learning_rate: 1e-4}", "dqn", "learning_rate", [1e-4]),
        ("{learning_rate: {value: 1e-4}}", "dqn", "learning_rate", [1e-4]),
        ("{ent_coef: {choices: [1e-4, 1e-3]}}", "ppo", "ent_coef", [1e-4, 1e-3]),
        ("{ent_coef: {choices: [auto, auto_0.1, 1e-2]}}", "sac", "ent_coef", ["auto", "auto_0.1", 1e-2]),
        ("{buffer_size: {choices: [1e5, 50000]}}", "dqn", "buffer_size", [100_000, 50_000]),
        ("{batch_size_pow: 5e0}", "dqn", "batch_size_pow", [5]),
        ("{tau: {choices: [1e0, nan, inf]}}", "dqn", "tau", [1.0, "nan", "inf"]),
        ("{tau: {choices: ['1e-3'], transform: {named: {arguments: {'1e-3': 0.001}}}}}", "dqn", "tau", ["1e-3"]),
    ],
)
def test_numbers_without_a_dot_are_numbers_but_where_they_are_names(text, algo, name, choices):
    distribution = edit(f"parameters: {text}", algo)[name].distribution
    assert [(type(choice), choice) for choice in distribution.choices] == [(type(c), c) for c in choices]


def test_numbers_without_a_dot_are_numbers_in_the_rest_of_an_entry():
    entry = "{type: float, low: 1e-8, high: 1, log: true, transform: {zero_at: {value: 1e-8}}, default: 1e-3}"
    changed = edit(f"parameters: {{tau: {entry}, learning_starts: {{otherwise: 1e3}}}}")
    assert changed["tau"].transform == ZeroAt(1e-8)
    assert changed["tau"].default == 1e-3
    assert changed["learning_starts"].otherwise == 1000


@pytest.mark.parametrize("name", ["ent_coef", "mode"])
def test_a_number_without_a_dot_is_what_a_parameter_depends_on_where_that_is_a_number(name):
    named = "{choices: ['1e-3', other], argument: ent_coef, transform: {named: {arguments: {'1e-3': 0.001, other: 1}}}}"
    declared = {"ent_coef": "{choices: [1e-3, 1e-2]}", "mode": named}[name]
    changed = edit(f"parameters: {{{name}: {declared}, vf_coef: {{value: 0.7, when: {{{name}: [1e-3]}}}}}}", "ppo")
    first = changed[name].distribution.choices[0]
    assert changed["vf_coef"].applies({name: first})


@pytest.mark.parametrize("entry", ["lin_0.0005", "{choices: [0.001, lin_0.0005]}", "{value: lin_5e-4}"])
def test_a_fixed_schedule_beside_the_parameter_of_the_schedule_says_what_to_do(entry):
    with pytest.raises(UserError, match=r"'learning_rate' in mine.yml is 'lin_.*'lr_schedule'.*lr_schedule: linear"):
        edit(f"parameters: {{learning_rate: {entry}}}")
    alone = edit(f"parameters: {{learning_rate: {entry}, lr_schedule: null}}")
    assert [str(choice) for choice in alone["learning_rate"].distribution.choices][-1].startswith("lin_")
    both = edit("parameters: {learning_rate: 0.0005, lr_schedule: linear}")
    assert both.to_hyperparams(both.suggest(optuna.create_study().ask()))["learning_rate"] == "lin_0.0005"


def test_a_dropped_parameter_is_not_sampled_and_leaves_the_base_as_it_is():
    changed = edit("parameters: {buffer_size: null}")
    params = changed.suggest(optuna.create_study().ask())
    assert "buffer_size" not in params
    assert "buffer_size" not in changed.to_hyperparams(params)


def test_an_added_parameter_sets_any_argument_with_the_default_of_the_model():
    changed = edit(
        "parameters:\n"
        "  max_grad_norm: {type: float, low: 0.5, high: 20, log: true}\n"
        "  n_layers: {type: int, low: 1, high: 3, argument: policy_kwargs.features_extractor_kwargs.n, default: 2}\n"
    )
    assert changed["max_grad_norm"].default == 10
    assert changed.to_params({})["max_grad_norm"] == 10
    hyperparams = changed.to_hyperparams({**changed.to_params({}), "n_layers": 3})
    assert hyperparams["policy_kwargs"]["features_extractor_kwargs"] == {"n": 3}


def test_extends_null_is_exactly_what_is_declared():
    changed = edit("{extends: null, parameters: {gamma: {type: float, low: 0.9, high: 0.999}}}")
    assert [parameter.name for parameter in changed] == ["gamma"]


def test_an_edited_range_holds_with_hindsight_replay_too():
    changed = edit("parameters: {batch_size_pow: {high: 8}}", "td3").for_features(frozenset({"her", "mlp_policy"}))
    assert changed["batch_size_pow"].distribution.high == 8


@given(data=st.data(), algo=st.sampled_from(algorithm_names()))
@settings(max_examples=60)
def test_edited_spaces_go_there_and_back(data, algo):
    space = get_algorithm(algo).search_space
    edits: dict[str, object] = {}
    depended_on = {other for parameter in space for other in parameter.when}
    for parameter in space:
        d = parameter.distribution
        action = data.draw(st.sampled_from(["keep", "drop", "fix", "narrow"]))
        if action == "drop" and parameter.name not in depended_on and not _is_referred_to(space, parameter.argument):
            edits[parameter.name] = None
        elif action == "fix":
            edits[parameter.name] = {"value": data.draw(st.sampled_from(parameter.grid(4)))}
        elif action == "narrow" and not isinstance(d, CategoricalDistribution) and d.step in (None, 1):
            low, high = sorted(data.draw(st.lists(st.sampled_from(parameter.grid(6)), min_size=2, max_size=2)))
            edits[parameter.name] = {"low": low, "high": high}
    content = yaml.safe_load(yaml.safe_dump({"parameters": edits}))
    changed = edited_space(algo, get_algorithm(algo), content, "mine.yml")
    for features in (frozenset(), changed.features):
        for_task = changed.for_features(features)
        sampler = optuna.samplers.RandomSampler(seed=data.draw(st.integers(0, 1000)))
        assert_there_and_back(for_task, for_task.suggest(optuna.create_study(sampler=sampler).ask()))


def _is_referred_to(space: SearchSpace, argument: str) -> bool:
    referred = [getattr(parameter.transform, "argument", None) for parameter in space]
    return argument in referred


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{parameters: {learning_rat: {low: 1}}}", ["'learning_rat'", "did you mean 'learning_rate'"]),
        ("{parameters: {learning_rat: null}}", ["'learning_rat'", "none of that name"]),
        ("{parameters: {learning_rate: {lo: 1}}}", ["'lo'", "did you mean 'low'"]),
        ("{parameters: {learning_rate: {low: 0.1, high: 0.01}}}", ["low 0.1 is above high 0.01"]),
        ("{parameters: {learning_rate: {low: 0}}}", ["low 0.0", "above 0 on a log scale"]),
        ("{parameters: {learning_rate: {low: -1}}}", ["low -1.0", "above 0 on a log scale"]),
        ("{parameters: {learning_rate: {low: small}}}", ["'small'", "must be a number"]),
        ("{parameters: {learning_rate: {low: .nan}}}", ["nan", "must be a number"]),
        ("{parameters: {batch_size_pow: {low: 4.5}}}", ["4.5", "whole number"]),
        ("{parameters: {net_arch: {choices: [[64, 64]]}}}", ["[64, 64]", "no plain value"]),
        ("{parameters: {net_arch: {choices: small}}}", ["'small'", "must be a list"]),
        ("{parameters: {net_arch: huge}}", ["'huge'", "small"]),
        ("{parameters: {tua: {type: float, low: 0, high: 1}}}", ["'tua'", "argument of DQN", "did you mean 'tau'"]),
        ("{parameters: {tau: {type: float, low: 0}}}", ["no 'high'"]),
        ("{parameters: {tau: {type: flaot, low: 0, high: 1}}}", ["'flaot'", "did you mean 'float'"]),
        ("{parameters: {tau: {type: float, low: 0, high: 1, transform: sqare}}}", ["'sqare'", "transform"]),
        ("{parameters: {tau: {type: float, low: 0, high: 1, when: {nothing: [1]}}}}", ["'nothing'"]),
        ("{parameter: {}}", ["'parameter'", "did you mean 'parameters'"]),
        ("{extends: ppo, parameters: {}}", ["'ppo'", "'dqn' is tuned"]),
        ("{parameters: [1]}", ["[1]", "must map"]),
        ("3", ["3", "must be a mapping"]),
    ],
)
def test_a_mistake_names_the_value_and_the_remedy(text, expected):
    with pytest.raises(UserError) as caught:
        edit(text)
    for part in expected:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("parameters: [", "no valid YAML"),
        ("parameters: !!python/object/apply:os.getcwd []", "no valid YAML"),
    ],
)
def test_a_file_that_is_no_search_space_is_refused(tmp_path, text, expected):
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(UserError, match=expected):
        read_space_file(str(path))
    with pytest.raises(UserError, match="cannot be read"):
        read_space_file(str(Path(tmp_path, "missing.yml")))
