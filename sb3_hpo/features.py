"""Features of a task on which it depends what can be tuned: names that parameters require and tasks have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

BOX_ACTIONS = "box_actions"
"""The environment's actions are continuous, a ``gymnasium.spaces.Box``."""

HER = "her"
"""The configuration trains from a ``HerReplayBuffer``."""

MLP_POLICY = "mlp_policy"
"""The policy's hidden layers can be chosen: it is neither linear nor all convolutions."""

N_STEP_RETURNS = "n_step_returns"
"""SB3 can learn from returns of several steps: from its own replay buffer of plain observations only."""

_WITHOUT_HIDDEN_LAYERS = ("Cnn", "Linear")
_OTHER_REPLAY = ("replay_buffer_class", "optimize_memory_usage")


def configuration_features(configuration: Mapping[str, Any]) -> frozenset[str]:
    """The features that show in a configuration; those of the environment come on top."""
    features = set()
    if configuration.get("replay_buffer_class") == "HerReplayBuffer":
        features.add(HER)
    policy = str(configuration.get("policy", "MlpPolicy")).rpartition(".")[2]
    if not policy.startswith(_WITHOUT_HIDDEN_LAYERS):
        features.add(MLP_POLICY)
    if not (policy.startswith("MultiInput") or any(configuration.get(key) for key in _OTHER_REPLAY)):
        features.add(N_STEP_RETURNS)
    return frozenset(features)
