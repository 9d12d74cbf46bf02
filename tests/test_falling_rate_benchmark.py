"""The best of a study with a constant learning rate and a falling one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import optuna
import pytest

from sb3_hpo.settings import TuningSettings
from sb3_hpo.study import open_study
from tests.tasks import SPACE, FakeTask

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import falling_rate

    yield falling_rate
    for name in [name for name in sys.modules if name.startswith(("falling_rate", "versus_", "scale_"))]:
        del sys.modules[name]


@pytest.mark.parametrize("written", [0.004645806760635167, "lin_0.004645806760635167"])
def test_both_rates_begin_alike(benchmark, written: object) -> None:
    constant, falling = benchmark.both_rates({"gamma": 0.9, "learning_rate": written})
    assert constant == {"gamma": 0.9, "learning_rate": 0.004645806760635167}
    assert falling == {"gamma": 0.9, "learning_rate": "lin_0.004645806760635167"}


@pytest.mark.parametrize(("algo", "of_default"), [("dqn", [[0.0023, "lin_0.0023"]]), ("a2c", [])])
def test_the_best_of_a_study_and_a_default_that_names_its_rate_are_trained_with_both(
    benchmark, algo: str, of_default: list, tmp_path, monkeypatch, capsys
) -> None:
    location = f"sqlite:///{tmp_path / 'study.db'}"
    task = FakeTask()
    task.algo = algo
    study, _ = open_study(optuna.storages.RDBStorage(location), "s", task, SPACE, TuningSettings())
    rates = {1.0: 0.5, 3.0: 0.01, 2.0: 0.02}
    for value, rate in rates.items():
        hyperparams = {"learning_rate": rate, "n_timesteps": 200}
        study.add_trial(optuna.create_trial(value=value, user_attrs={"hyperparams": hyperparams}))
    trained: list[list[object]] = []

    def of(self: object, configurations: list[dict], seeds: list[int]) -> list[list[float]]:
        assert len(seeds) == 3
        rates = [configuration["learning_rate"] for configuration in configurations]
        trained.append(rates)
        return [[10.0, 20.0, 30.0], [30.0, 20.0, 40.0 if rates[0] == 0.01 else 16.0]]

    monkeypatch.setattr(benchmark.FreshSeeds, "of", of)
    monkeypatch.setitem(benchmark.TASKS, "cartpole", type(benchmark.TASKS["cartpole"])(algo, "CartPole-v1", 200))
    words = ["cartpole", "--storage", location, "--study-name", "s", "--n-configurations", "2", "--n-seeds", "3"]
    words += ["--folder", str(tmp_path), "--json", str(tmp_path / "rates.json")]
    monkeypatch.setattr(sys, "argv", ["falling_rate.py", *words])
    benchmark.main()
    assert trained == [[0.01, "lin_0.01"], [0.02, "lin_0.02"], *of_default]
    rows = json.loads((tmp_path / "rates.json").read_text())["rows"]
    gains = [("trial 2", 10.0), ("trial 3", 2.0), ("default", 2.0)][: len(trained)]
    assert [(row["configuration"], row["gain"]) for row in rows] == gains
    total = "20.0 | 24.7 | +4.7 ± 5.3" if of_default else "20.0 | 26.0 | +6.0 ± 8.0"
    assert capsys.readouterr().out.splitlines()[-1] == f"| mean | {total} |"
