from __future__ import annotations

from pathlib import Path

import pytest
import yaml

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

FILE = """# The base.
# It is for all.
default:
  policy: 'MlpPolicy'
"""
BEST = """# dqn on CartPole-v1, tuned by sb3-hpo (study a: 3 complete trials).
# Better: on 10 fresh seeds.
# Train with it: rl_zoo3 train --algo dqn --env CartPole-v1 -conf logs/dqn/a/best.yml
CartPole-v1:
  n_timesteps: 50000
"""


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def block(benchmarks: None) -> str:
    from tuned_entries import block_of

    return block_of(BEST, "sb3-hpo tune --seed 1", "hyperparams/dqn.yml")


def test_an_entry_says_what_found_it_and_how_to_train_it(block: str) -> None:
    assert block.splitlines() == [
        "# dqn on CartPole-v1, tuned by sb3-hpo (study a: 3 complete trials).",
        "# Better: on 10 fresh seeds.",
        "# Found by: sb3-hpo tune --seed 1",
        "# Train with it: rl_zoo3 train --algo dqn --env CartPole-v1 -conf hyperparams/dqn.yml",
        "CartPole-v1:",
        "  n_timesteps: 50000",
    ]


def test_an_entry_is_put_in_and_replaced(block: str) -> None:
    from tuned_entries import with_entry

    once = with_entry(FILE, block)
    assert once == f"{FILE}\n{block}\n"
    assert with_entry(once, block) == once
    other = with_entry(once, block.replace("CartPole-v1:", "Acrobot-v1:"))
    assert list(yaml.safe_load(other)) == ["default", "CartPole-v1", "Acrobot-v1"]
    changed = with_entry(other, block.replace("50000", "40000"))
    assert yaml.safe_load(changed)["CartPole-v1"] == {"n_timesteps": 40000}
    assert list(yaml.safe_load(changed)) == ["default", "Acrobot-v1", "CartPole-v1"]
