"""Every configuration that the zoo trains with lies inside its algorithm's space, but for those listed here."""

from __future__ import annotations

import importlib.util
import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sb3_hpo.algorithms import algorithm_names, get_algorithm
from sb3_hpo.configuration import from_zoo, merge
from sb3_hpo.features import BOX_ACTIONS, configuration_features
from sb3_hpo.search_space import SearchSpace, get_argument
from sb3_hpo.transforms import OutsideSpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC = importlib.util.find_spec("rl_zoo3")
assert SPEC is not None
assert SPEC.origin is not None
ZOO = Path(SPEC.origin).parent / "hyperparams"
OWN = Path(__file__).parents[2] / "hyperparams"

WIDE_CRITIC = ("policy_kwargs.net_arch", "critics of 2048 units, as in CrossQ's paper, take a GPU")
EPISODIC = ("train_freq", "training after each episode: train_freq counts steps")
NO_FRACTION = ("gradient_steps", "10 gradient steps every 8 steps: the space has quarters of the steps, and no more")

EXCEPTIONS: dict[tuple[str, str], tuple[str, str]] = {
    ("ars", "AntBulletEnv-v0"): ("policy_kwargs.net_arch", "the only network of two different layers"),
    ("ars", "Humanoid-v4"): ("n_top", "a population of 512: all others are at most 128"),
    ("crossq", "Ant-v4"): WIDE_CRITIC,
    ("crossq", "HalfCheetah-v4"): WIDE_CRITIC,
    ("crossq", "Hopper-v4"): WIDE_CRITIC,
    ("crossq", "Humanoid-v4"): WIDE_CRITIC,
    ("crossq", "HumanoidStandup-v4"): WIDE_CRITIC,
    ("crossq", "Swimmer-v4"): WIDE_CRITIC,
    ("crossq", "Walker2d-v4"): WIDE_CRITIC,
    ("ddpg", "HumanoidBulletEnv-v0"): EPISODIC,
    ("dqn", "atari"): ("learning_starts", "100,000 of ten million steps: ten times as many as any other trains with"),
    ("qrdqn", "atari"): ("learning_starts", "50,000 of ten million steps: five times as many as any other trains with"),
    ("sac", "CarRacing-v3"): NO_FRACTION,
    ("sac", "NeckEnvRelative-v2"): EPISODIC,
    ("sac", "donkey-generated-track-v0"): EPISODIC,
    ("tqc", "CarRacing-v0"): NO_FRACTION,
}
"""What lies outside, with the argument that takes it there and the reason why the space does without it."""

RELATIVE = {"train_freq": "gradient_steps", "gradient_steps": "train_freq", "n_top": "n_delta"}
"""Arguments that mean little without another one."""


def entries(folder: Path) -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for algo in algorithm_names():
        file = folder / f"{algo}.yml"
        if file.exists():
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            found += [(algo, name, from_zoo(entry)) for name, entry in content.items()]
    return found


ZOO_ENTRIES = entries(ZOO)


def space_for(algo: str, configuration: Mapping[str, Any]) -> SearchSpace:
    # Which actions an environment has is not written in the file: those that do not fit do not name what is for others.
    return get_algorithm(algo).search_space.for_features(configuration_features(configuration) | {BOX_ACTIONS})


@pytest.mark.parametrize(
    ("algo", "configuration"),
    [
        pytest.param(algo, configuration, id=f"{algo}-{name}")
        for algo, name, configuration in ZOO_ENTRIES
        if (algo, name) not in EXCEPTIONS
    ],
)
def test_configuration_goes_there_and_back(algo: str, configuration: dict[str, Any]) -> None:
    assert_comes_back(space_for(algo, configuration), configuration)


@pytest.mark.parametrize(("algo", "name"), EXCEPTIONS)
def test_exception_is_one_for_the_argument_it_names(algo: str, name: str) -> None:
    [configuration] = [c for a, n, c in ZOO_ENTRIES if (a, n) == (algo, name)]
    argument, _ = EXCEPTIONS[algo, name]
    with pytest.raises(OutsideSpaceError, match=f"^{argument} = "):
        space_for(algo, configuration).to_params(configuration)
    # Nothing else takes it outside.
    without = remove(configuration, argument)
    if argument in RELATIVE:
        without = remove(without, RELATIVE[argument])
    assert_comes_back(space_for(algo, configuration), without)


@pytest.mark.parametrize(
    ("algo", "configuration"), [pytest.param(algo, c, id=f"{algo}-{name}") for algo, name, c in entries(OWN)]
)
def test_own_configuration_lies_inside(algo: str, configuration: dict[str, Any]) -> None:
    assert configuration["n_timesteps"] > 0
    assert configuration["policy"] == ("MlpLstmPolicy" if algo == "ppo_lstm" else "MlpPolicy")
    assert_comes_back(space_for(algo, configuration), configuration)


def test_every_algorithm_has_a_base() -> None:
    assert [algo for algo, name, _ in entries(OWN) if name == "default"] == algorithm_names()


def test_every_tuned_configuration_says_what_it_is_worth() -> None:
    for algo, name, _ in entries(OWN):
        if name == "default":
            continue
        lines = (OWN / f"{algo}.yml").read_text(encoding="utf-8").splitlines()
        end = lines.index(f"{name}:")
        comments = list(itertools.takewhile(_is_comment, reversed(lines[:end])))
        text = " ".join(line.removeprefix("# ") for line in reversed(comments))
        for said in (f"{algo} on {name}, tuned by sb3-hpo", "mean return on fresh seeds", "Found by: sb3-hpo tune"):
            assert said in text, (algo, name)


def _is_comment(line: str) -> bool:
    return line.startswith("#")


def assert_comes_back(space: SearchSpace, configuration: Mapping[str, Any]) -> None:
    params = space.to_params(configuration)
    back = space.to_hyperparams(params)
    for parameter in space:
        absent = object()
        value = get_argument(configuration, parameter.argument, absent)
        is_tuned = parameter.applies(params) or get_argument(back, parameter.argument, absent) is not absent
        if value is not absent and is_tuned:
            assert means_the_same(parameter.argument, value, get_argument(back, parameter.argument, absent), back)
    # Merged into where it came from it changes nothing but the way of writing.
    assert space.to_params(merge(configuration, back)) == params


def means_the_same(argument: str, value: Any, back: Any, hyperparams: Mapping[str, Any]) -> bool:
    if isinstance(value, str) and value.startswith("lin_"):
        return str(back).startswith("lin_") and float(value[4:]) == float(back[4:])
    if argument == "gradient_steps" and value == -1:
        return bool(back == hyperparams["train_freq"])
    if isinstance(value, float):
        return math.isclose(value, back, rel_tol=1e-9)
    return bool(value == back)


def remove(configuration: Mapping[str, Any], argument: str) -> dict[str, Any]:
    head, _, rest = argument.partition(".")
    if not rest:
        return {key: value for key, value in configuration.items() if key != head}
    return {**configuration, head: remove(configuration[head], rest)}
