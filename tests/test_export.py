from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.configuration import from_zoo
from sb3_hpo.export import zoo_yaml

CONFIGURATION = {
    "learning_rate": 2.3e-05,
    "gamma": 1 - 1e-12,
    "policy_kwargs": f"dict(net_arch={[256] * 60}, activation_fn=nn.ReLU)",
    "n_timesteps": 50_000,
    "policy": "MlpPolicy",
    "clip_range": "lin_0.2",
    "env_wrapper": [{"some.Wrapper": {"n": 1}}, "another.Wrapper"],
    "normalize": False,
    "target_kl": None,
    "tau": 1e-5,
}


def test_entry_is_read_back_as_it_was() -> None:
    text = zoo_yaml("CartPole-v1", CONFIGURATION, ["a comment"])
    assert yaml.safe_load(text) == {"CartPole-v1": CONFIGURATION}
    assert from_zoo(yaml.safe_load(text)["CartPole-v1"])["policy_kwargs"]["net_arch"] == [256] * 60


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_keeps_every_digit_and_stays_a_number(value: float) -> None:
    """PyYAML reads ``1e-05`` without a dot as text."""
    assert yaml.safe_load(zoo_yaml("E", {"x": value}, [])) == {"E": {"x": value}}


def test_entry_begins_as_those_of_the_zoo_do() -> None:
    keys = list(yaml.safe_load(zoo_yaml("E", CONFIGURATION, []))["E"])
    assert keys[:3] == ["n_timesteps", "policy", "learning_rate"]
    assert list(yaml.safe_load(zoo_yaml("E", {"policy": 1, "n_envs": 2, "n_timesteps": 3}, []))["E"]) == [
        "n_timesteps",
        "n_envs",
        "policy",
    ]


def test_comments_stand_before_the_entry() -> None:
    assert zoo_yaml("E", {"policy": "MlpPolicy"}, ["first: [", "", "last"]) == (
        "# first: [\n#\n# last\nE:\n  policy: MlpPolicy\n"
    )


def test_comment_of_several_lines_stays_a_comment() -> None:
    assert yaml.safe_load(zoo_yaml("E", {"policy": "MlpPolicy"}, ["study a\nX: {policy: other}"])) == {
        "E": {"policy": "MlpPolicy"}
    }


def test_environment_id_may_hold_a_slash_and_a_colon() -> None:
    assert yaml.safe_load(zoo_yaml("module:ALE/Pong-v5", {"a": 1}, [])) == {"module:ALE/Pong-v5": {"a": 1}}
