from __future__ import annotations

import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.trust import check_modules, check_same_modules


@pytest.mark.parametrize(
    "configuration",
    [
        {"policy": "MlpPolicy", "learning_rate": 1e-3},
        {"env_wrapper": None},
        {"env_wrapper": "stable_baselines3.common.atari_wrappers.AtariWrapper"},
        {
            "env_wrapper": [
                "rl_zoo3.wrappers.TimeFeatureWrapper",
                {"gymnasium.wrappers.RescaleAction": {"min_action": 0}},
            ]
        },
        {"callback": "mine.callbacks.Mine"},
        {"policy_kwargs": "dict(net_arch=[64, 64])"},
    ],
)
def test_trusted_and_allowed_packages_may_be_named(configuration):
    check_modules(configuration, ["mine.environments"], "the study")


@pytest.mark.parametrize(
    ("configuration", "name"),
    [
        ({"env_wrapper": "os.system"}, "os.system"),
        (
            {"env_wrapper": ["rl_zoo3.wrappers.TimeFeatureWrapper", {"subprocess.run": {"args": "ls"}}]},
            "subprocess.run",
        ),
        ({"vec_env_wrapper": [["builtins.eval"]]}, "builtins.eval"),
        ({"callback": {"stable_baselines3x.Callback": {}}}, "stable_baselines3x.Callback"),
        ({"policy": "mine.Policy"}, "mine.Policy"),
    ],
)
def test_other_packages_are_refused_with_what_would_allow_them(configuration, name):
    with pytest.raises(UserError, match=f"names '{name}'.*--gym-packages {name.partition('.')[0]}"):
        check_modules(configuration, [], "the study")


def test_a_trial_must_name_what_its_study_names():
    check_same_modules({"policy": "MlpPolicy", "gamma": 0.9}, {"policy": "MlpPolicy"}, "trial 3")
    with pytest.raises(UserError, match=r"trial 3 has env_wrapper 'os.system', its study has None"):
        check_same_modules({"policy": "MlpPolicy", "env_wrapper": "os.system"}, {"policy": "MlpPolicy"}, "trial 3")
