"""Side by side with the stock zoo: what is taken for its winner, and how winners are judged."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from rl_zoo3.hyperparams_opt import HYPERPARAMS_SAMPLER

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
BEGAN = datetime.datetime(2026, 1, 1)


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.startswith(("versus_", "scale_", "repeat_"))]:
        del sys.modules[name]


def ended(minutes: float, value: float | None) -> optuna.trial.FrozenTrial:
    """A trial as the zoo samples it for DQN, which ended so many minutes after the command began."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=round(minutes)))
    asked = study.ask()
    HYPERPARAMS_SAMPLER["dqn"](asked, 2, 1, {})
    trial = create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params=asked.params,
        distributions=asked.distributions,
    )
    trial.datetime_complete = BEGAN + datetime.timedelta(minutes=minutes)
    return trial


def test_the_stock_winner_is_the_best_that_was_complete_by_then(tmp_path: Path) -> None:
    from versus_commands import Versus, _best_after

    study = optuna.create_study(direction="maximize")
    trials = [ended(1, 100.0), ended(2, None), ended(3, 90.0), ended(9, 500.0)]
    study.add_trials(trials)
    task = Versus("dqn", "CartPole-v1", 300).task(tmp_path)
    at = {minutes: _best_after(study, task, BEGAN, 60.0 * minutes, 1.0) for minutes in (0.5, 5, 10)}
    rates = [winner.configuration["learning_rate"] for winner in at.values()]
    # Where nothing is complete, what the zoo trains without a search.
    assert rates == [2.3e-3, trials[0].params["learning_rate"], trials[3].params["learning_rate"]]
    assert [winner.n_finished for winner in at.values()] == [0, 2, 3]
    assert at[10].configuration["n_timesteps"] == 300


@pytest.mark.parametrize(("values", "ends_early"), [([90.0, 500.0], True), ([90.0, 499.0], False)])
def test_the_stock_zoo_ends_once_its_best_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[float], ends_early: bool
) -> None:
    import versus_commands

    storage = f"sqlite:///{tmp_path / 'stock.db'}"
    study = optuna.create_study(study_name="versus", storage=storage, direction="maximize")
    study.add_trials([ended(minutes, value) for minutes, value in enumerate(values)])
    # Stands in for the zoo, whose Ctrl-C ends it without an error.
    waits = "import time\nbegan = time.monotonic()\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass"
    waits += "\nprint(time.monotonic() - began)"
    monkeypatch.setattr(versus_commands, "_STOCK", waits)
    monkeypatch.setattr(versus_commands, "POLL_S", 0.2)
    versus = versus_commands.Versus("dqn", "CartPole-v1", 300, most=500.0)
    winners = versus_commands.tune_stock(versus, 0, 3.0, [1.0, 4.0], 1, tmp_path)
    seconds = float((tmp_path / "stock.txt").read_text())
    assert 1.0 < seconds < 8.0 if ends_early else 9.0 < seconds < 13.0
    best = max(study.trials, key=lambda trial: trial.value)
    assert {winner.configuration["learning_rate"] for winner in winners} == {best.params["learning_rate"]}
    assert [(winner.by, winner.n_finished) for winner in winners] == [("stock x 1", 2), ("stock x 4", 2)]
    assert [winner.seconds for winner in winners] == pytest.approx([3.0, 4.0 if ends_early else 12.0], abs=2.0)


def test_no_command_is_left_behind_where_nobody_can_tell_whether_it_is_settled(tmp_path: Path, monkeypatch) -> None:
    import versus_commands

    monkeypatch.setattr(versus_commands, "POLL_S", 0.2)
    waits = "import time\ntry:\n    print('begun', flush=True)\n    time.sleep(60)\n"
    waits += "except KeyboardInterrupt:\n    print('ended')"

    def fails() -> bool:
        if (tmp_path / "out.txt").read_text() == "begun\n":
            raise OSError("no storage")
        return False

    with pytest.raises(OSError, match="no storage"):
        versus_commands._run([sys.executable, "-c", waits], tmp_path, "out.txt", is_settled=fails)
    assert (tmp_path / "out.txt").read_text() == "begun\nended\n"


def test_a_command_that_fails_is_no_tuning(tmp_path: Path) -> None:
    from versus_commands import _run

    with pytest.raises(SystemExit, match=r"ended with exit code 3: see .*out\.txt"):
        _run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, "out.txt")


def test_a_tuning_that_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import versus_zoo
    from versus_commands import Winner

    ours, stock = Winner("sb3-hpo", {"gamma": 0.9}, 61.0, 7), Winner("stock x 1", {"gamma": 0.8}, 60.0, 3)

    class Cores:
        """Others have none: the real one waits for all children of this process."""

        of_others = staticmethod(lambda: {"cores_of_others": 0.0})

    monkeypatch.setattr(versus_zoo, "Cores", Cores)
    monkeypatch.setattr(versus_zoo, "tune_ours", lambda *args: ours)
    args = argparse.Namespace(folder=tmp_path, minutes=1.0, seed=3, n_jobs=1, stock_times=[1.0])

    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(versus_zoo, "tune_stock", stopped)
    with pytest.raises(KeyboardInterrupt):
        versus_zoo.tune_both("cartpole", 0, args)
    monkeypatch.setattr(versus_zoo, "tune_ours", lambda *args: pytest.fail("tuned twice"))
    monkeypatch.setattr(versus_zoo, "tune_stock", lambda *args: [stock])
    tuned = versus_zoo.tune_both("cartpole", 0, args)
    assert tuned["winners"][:2] == [dataclasses.asdict(ours), dataclasses.asdict(stock)]
    assert (tuned["winners"][2]["by"], tuned["seed"], tuned["seconds"]) == ("default", 3, 60.0)


def test_winners_are_trained_on_the_same_fresh_seeds_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import versus_zoo

    monkeypatch.setitem(versus_zoo.TASKS, "cartpole", versus_zoo.Versus("dqn", "CartPole-v1", 120))
    configuration = {"n_timesteps": 120, "policy": "MlpPolicy", "learning_starts": 10}
    file = tmp_path / "scores.json"

    class Pool:
        """Does it in this process."""

        def __init__(self, n_jobs: int, context: object, initializer: object, initargs: tuple) -> None:
            initializer(*initargs)

        def __enter__(self):
            return self

        def __exit__(self, *error: object) -> None:
            pass

        map = staticmethod(map)

    monkeypatch.setattr(versus_zoo, "ProcessPoolExecutor", Pool)
    monkeypatch.chdir(tmp_path)
    first = versus_zoo.FreshSeeds("cartpole", file, 1).of([configuration, configuration | {"gamma": 0.9}], [1, 2])
    assert len(json.loads(file.read_text())) == 4
    monkeypatch.setattr(versus_zoo, "_score", pytest.fail)
    again = versus_zoo.FreshSeeds("cartpole", file, 1).of([configuration | {"gamma": 0.9}, configuration], [2, 1])
    assert again == [first[1][::-1], first[0][::-1]]


def test_a_tuned_pair_is_judged_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import versus_zoo

    scores = {"sb3-hpo": 500.0, "stock x 1": 200.0, "default": 500.0}
    monkeypatch.setattr(
        versus_zoo.FreshSeeds,
        "of",
        lambda self, configurations, seeds: [
            [scores[c["by"]] - i for i, _ in enumerate(seeds)] for c in configurations
        ],
    )
    winners = [{"by": by, "configuration": {"by": by}, "seconds": 60.0, "n_finished": 7} for by in scores]
    tuned = {"task": "cartpole", "repetition": 0, "seed": 0, "seconds": 60.0, "winners": winners}
    result = versus_zoo.judge(tuned, argparse.Namespace(seed=0, n_seeds=20, folder=tmp_path, n_jobs=1))
    ours, stock, default = result["winners"]
    assert "ours_against_it" not in ours
    assert stock["ours_against_it"]["verdict"] == "better"
    assert stock["ours_against_it"]["probability_of_improvement"] == 1.0
    assert default["ours_against_it"]["verdict"] == "not distinguishable"
    assert (
        versus_zoo.as_markdown([result])
        .splitlines()[3]
        .startswith("| cartpole | 0 | stock x 1 | 1.0 min | 7 | 190.5 [")
    )
    versus_zoo.draw([result], tmp_path / "versus.png")
    assert (tmp_path / "versus.png").stat().st_size > 5_000


@pytest.mark.parametrize("shortens", [True, False])
def test_ours_is_started_as_make_tune_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shortens: bool) -> None:
    import versus_commands

    def run(command: list[str], folder: Path, log: str) -> None:
        assert command[:2] == [sys.executable, "-c"]
        assert ("--shorten" in command) == shortens
        assert command[command.index("--timeout") + 1] == "60.0"
        file = folder / "logs" / "dqn" / "versus" / "result.json"
        file.parent.mkdir(parents=True)
        winner = {"hyperparams": {"n_timesteps": 30_000}}
        file.write_text(json.dumps({"n_trials": {"complete": 2, "pruned": 3}, "winner": winner}))

    monkeypatch.setattr(versus_commands, "_run", run)
    versus = versus_commands.Versus("dqn", "CartPole-v1", shortens=shortens)
    found = versus_commands.tune_ours(versus, 1, 60.0, 2, tmp_path)
    assert (found.configuration, found.n_finished) == ({"n_timesteps": 30_000}, 5)
    # On fresh seeds a winner is trained for as long as it was tuned.
    assert versus.task(tmp_path).prepare({"policy": "MlpPolicy", **found.configuration}).n_timesteps == 30_000


def test_what_make_tune_finds_is_trained_on_fresh_seeds_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import repeat_tune
    from versus_commands import Winner

    class Cores:
        """Others have none: the real one waits for all children of this process."""

        of_others = staticmethod(lambda: {"cores_of_others": 0.0})

    def tune(versus: object, seed: int, seconds: float, n_jobs: int, folder: Path) -> Winner:
        assert (seconds, n_jobs) == (60.0, 2)
        result = folder / "logs" / "dqn" / "versus" / "result.json"
        result.parent.mkdir(parents=True)
        verdict = {"text": "Better.", "is_taken": seed == 5}
        result.write_text(json.dumps({"n_trials": {"complete": 7, "pruned": 30, "failed": 0}, "verdict": verdict}))
        return Winner("sb3-hpo", {"gamma": 0.01 * seed}, 61.0, 37)

    monkeypatch.setattr(repeat_tune, "Cores", Cores)
    monkeypatch.setattr(repeat_tune, "tune_ours", tune)
    scores = {0.05: [500.0, 475.0, 474.9], 0.06: [9.0, 10.0, 500.0]}
    asked: list[list[int]] = []

    def of(self: object, configurations: list[dict[str, float]], seeds: list[int]) -> list[list[float]]:
        asked.append(seeds)
        return [scores[configuration["gamma"]] for configuration in configurations]

    monkeypatch.setattr(repeat_tune.FreshSeeds, "of", of)
    args = argparse.Namespace(task="make-tune", folder=tmp_path, minutes=1.0, seed=5, n_jobs=2, n_seeds=3)
    runs = [repeat_tune.judge(seed, args) for seed in (5, 6)]
    assert [(run["solved"], run["is_default"]) for run in runs] == [(2, False), (1, True)]
    assert asked[0] == asked[1]
    assert len(set(asked[0])) == 3
    # A run that is done is not done again.
    monkeypatch.setattr(repeat_tune, "tune_ours", None)
    assert repeat_tune.judge(6, args) == runs[1]
    lines = repeat_tune.as_markdown(runs).splitlines()
    assert lines[2] == "| 5 | 1.0 | 7, 30 | a trial | 2 of 3 | 500, 475, 475 |"
    assert lines[3] == "| 6 | 1.0 | 7, 30 | the default | 1 of 3 | 9, 10, 500 |"
