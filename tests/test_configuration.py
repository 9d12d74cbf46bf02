from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sb3_hpo.configuration import from_zoo, merge, to_zoo
from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

ZOO_FILES = sorted(Path(importlib.util.find_spec("rl_zoo3").origin).parent.glob("hyperparams/*.yml"))


@pytest.mark.parametrize("path", ZOO_FILES, ids=lambda path: path.stem)
def test_every_entry_of_the_zoo_is_read_and_survives_there_and_back(path: Path) -> None:
    entries = yaml.safe_load(path.read_text())
    assert entries
    for entry in entries.values():
        configuration = from_zoo(entry)
        assert not any(isinstance(value, str) and "dict(" in value for value in configuration.values())
        assert from_zoo(to_zoo(configuration)) == configuration


def test_nested_text_becomes_plain_mappings_and_other_text_stays() -> None:
    entry = {"policy": "MlpPolicy", "policy_kwargs": "dict(net_arch=[8])", "learning_rate": "lin_0.001"}
    assert from_zoo(entry) == {
        "policy": "MlpPolicy",
        "policy_kwargs": {"net_arch": [8]},
        "learning_rate": "lin_0.001",
    }
    assert to_zoo(from_zoo(entry)) == entry


def test_classes_given_as_objects_become_names() -> None:
    import torch
    from stable_baselines3 import HerReplayBuffer

    entry = {
        "policy_kwargs": {"activation_fn": torch.nn.ReLU, "optimizer_class": torch.optim.Adam, "net_arch": (8, 8)},
        "replay_buffer_class": HerReplayBuffer,
    }
    configuration = from_zoo(entry)
    assert configuration["policy_kwargs"]["activation_fn"] == "nn.ReLU"
    assert configuration["policy_kwargs"]["net_arch"] == [8, 8]
    assert configuration["replay_buffer_class"] == "HerReplayBuffer"
    assert to_zoo(configuration)["replay_buffer_class"] == "HerReplayBuffer"


def test_optimizer_given_as_an_object_keeps_its_module() -> None:
    import torch

    configuration = from_zoo({"policy_kwargs": {"optimizer_class": torch.optim.Adam}})
    assert configuration["policy_kwargs"]["optimizer_class"] == "th.optim.Adam"


def test_a_number_that_yaml_takes_for_text_is_a_number_where_sb3_gets_it() -> None:
    entry = yaml.safe_load(
        "{learning_rate: 1e-4, n_timesteps: 5e4, buffer_size: 1e+5, batch_size: 1e999,"
        " policy: 1e, gamma: '.99e+0', clip_range: lin_1e-4,"
        " policy_kwargs: {optimizer_kwargs: {eps: 1e-5}},"
        " env_kwargs: {name: 1e-4}, env_wrapper: [{wrapper: {scale: 1e-4}}]}"
    )
    configuration = from_zoo(entry)
    assert [type(configuration[name]) for name in ("learning_rate", "n_timesteps", "buffer_size")] == [float, int, int]
    assert configuration == {
        "learning_rate": 0.0001,
        "n_timesteps": 50_000,
        "buffer_size": 100_000,
        "batch_size": "1e999",
        "policy": "1e",
        "gamma": 0.99,
        "clip_range": "lin_1e-4",
        "policy_kwargs": {"optimizer_kwargs": {"eps": 0.00001}},
        "env_kwargs": {"name": "1e-4"},
        "env_wrapper": [{"wrapper": {"scale": "1e-4"}}],
    }


@pytest.mark.parametrize("value", [lambda x: x, object(), {"a": object()}, [object()]])
def test_object_that_cannot_be_stored_is_refused_by_name(value: object) -> None:
    with pytest.raises(UserError, match="hyperparameter 'clip_range'"):
        from_zoo({"clip_range": value})


def test_code_in_nested_text_is_refused() -> None:
    with pytest.raises(UserError, match="nothing is run as code"):
        from_zoo({"policy_kwargs": "dict(net_arch=print('run'))"})


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"k": {"a": 1, "b": 2}}, {"k": {"b": 3}}, {"k": {"a": 1, "b": 3}}),
        ({"k": {"n": {"a": 1}}}, {"k": {"n": {"b": 2}}}, {"k": {"n": {"a": 1, "b": 2}}}),
        ({"k": 1}, {"k": {"a": 1}}, {"k": {"a": 1}}),
        ({"k": {"a": 1}}, {"k": None}, {"k": None}),
        ({"k": [1, 2, 3]}, {"k": [4]}, {"k": [4]}),
    ],
)
def test_merge(base: dict, changes: dict, expected: dict) -> None:
    before = copy.deepcopy((base, changes))
    assert merge(base, changes) == expected
    assert (base, changes) == before


def test_merged_configuration_shares_nothing_with_its_sources() -> None:
    base, changes = {"kept": {"net": [1]}}, {"new": {"net": [2]}}
    merged = merge(base, changes)
    merged["kept"]["net"].append(9)
    merged["new"]["net"].append(9)
    assert (base, changes) == ({"kept": {"net": [1]}}, {"new": {"net": [2]}})


def test_written_configuration_shares_nothing_with_its_source() -> None:
    configuration = {"env_wrapper": [{"w": {"a": 1}}]}
    to_zoo(configuration)["env_wrapper"][0]["w"]["a"] = 2
    assert configuration == {"env_wrapper": [{"w": {"a": 1}}]}


@pytest.mark.parametrize("key", [0, 1.5, True, None])
@pytest.mark.parametrize("nest", [lambda inner: inner, lambda inner: {"rewards": inner}, lambda inner: [inner]])
def test_a_key_that_a_study_cannot_keep_is_refused(key: object, nest: Callable[[object], object]) -> None:
    with pytest.raises(UserError, match=f"'env_kwargs' has the key {key!r}: .*text.*quotes") as caught:
        from_zoo({"env_kwargs": nest({key: 1.0})})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("monitor_kwargs", "text"),
    [
        ("dict(info_keywords=('is_success',))", "dict(info_keywords=('is_success',))"),
        ("dict(info_keywords=['a', 'b'], reset_keywords=())", "dict(info_keywords=('a', 'b'), reset_keywords=())"),
        ({"info_keywords": ["a"]}, "dict(info_keywords=('a',))"),
        ({"info_keywords": ("a",), "allow_early_resets": True}, "dict(info_keywords=('a',), allow_early_resets=True)"),
    ],
)
def test_sequences_for_the_monitor_are_tuples_as_it_needs_them(monitor_kwargs: object, text: str) -> None:
    configuration = from_zoo({"monitor_kwargs": monitor_kwargs, "policy_kwargs": "dict(net_arch=[8])"})
    assert to_zoo(configuration) == {"monitor_kwargs": text, "policy_kwargs": "dict(net_arch=[8])"}
    assert from_zoo(to_zoo(configuration)) == configuration
