from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sb3_hpo.errors import UserError
from sb3_hpo.trust import check_modules, check_same_modules

ZOO_FILES = sorted(Path(importlib.util.find_spec("rl_zoo3").origin).parent.glob("hyperparams/*.yml"))
PACKAGES_OF_THE_ZOO_S_FILES = ["ae", "minigrid"]


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
        {"callback": {"mine.anything_at_all": {"name": "x"}}},
        {"callback": [{"stable_baselines3.common.callbacks.CheckpointCallback": {"save_freq": 10}}]},
        {"policy": "stable_baselines3.sac.policies.SACPolicy"},
        {"policy": "sb3_contrib.ars.policies.ARSLinearPolicy"},
        {"vec_env_wrapper": [{"stable_baselines3.common.vec_env.VecFrameStack": {"n_stack": 4}}]},
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


@pytest.mark.parametrize(
    ("configuration", "name", "kind"),
    [
        (
            {"callback": [{"stable_baselines3.common.save_util.load_from_pkl": {"path": "evil.pkl"}}]},
            "load_from_pkl",
            "C",
        ),
        ({"env_wrapper": [{"gymnasium.make": {"id": "evil_env:Foo-v0"}}]}, "gymnasium.make", "gymnasium.Wrapper"),
        ({"callback": {"rl_zoo3.utils.get_class_by_name": {"name": "subprocess.Popen"}}}, "get_class_by_name", "C"),
        ({"callback": "rl_zoo3.train.importlib"}, "rl_zoo3.train.importlib", "C"),
        ({"callback": "stable_baselines3.common.monitor.Monitor"}, "Monitor", "C"),
        ({"env_wrapper": "stable_baselines3.common.vec_env.VecNormalize"}, "VecNormalize", "gymnasium.Wrapper"),
        ({"vec_env_wrapper": "stable_baselines3.common.monitor.Monitor"}, "Monitor", "VecEnvWrapper"),
        ({"policy": "stable_baselines3.PPO"}, "stable_baselines3.PPO", "BasePolicy"),
        ({"callback": {"sb3_hpo.checkpoints.load_model": {}}}, "sb3_hpo.checkpoints.load_model", "C"),
    ],
)
def test_of_trusted_packages_only_classes_of_the_right_kind_are_called(configuration, name, kind):
    kind = "BaseCallback" if kind == "C" else kind
    with pytest.raises(UserError, match=f"the study names '.*{name}', .*{kind}") as caught:
        check_modules(configuration, ["sb3_hpo.plugin"], "the study")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ZOO_FILES, ids=lambda path: path.stem)
def test_all_that_the_zoo_s_files_name_is_accepted(path):
    for entry in yaml.safe_load(path.read_text()).values():
        check_modules(entry, PACKAGES_OF_THE_ZOO_S_FILES, path.name)


def test_nothing_is_imported_where_no_dotted_name_is_given():
    code = (
        "import sys; from sb3_hpo.trust import check_modules; "
        "check_modules({'policy': 'MlpPolicy', 'callback': None}, [], 'x'); "
        "sys.exit('stable_baselines3' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_trial_must_name_what_its_study_names():
    check_same_modules({"policy": "MlpPolicy", "gamma": 0.9}, {"policy": "MlpPolicy"}, "trial 3")
    with pytest.raises(UserError, match=r"trial 3 has env_wrapper 'os.system', its study has None"):
        check_same_modules({"policy": "MlpPolicy", "env_wrapper": "os.system"}, {"policy": "MlpPolicy"}, "trial 3")
