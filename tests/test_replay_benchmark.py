"""The replay of strategies on a table: small synthetic tables, through the project's own objective and choices."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

from sb3_hpo.objective import Objective
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_parsers import tune_parser
from tests.tables import grid_arrays
from tests.tasks import SPACE

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MODULES = (
    "allotment",
    "make_table",
    "policies",
    "replay",
    "replay_all",
    "synthetic_tables",
    "table_tuning",
)


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch):
    """Makes the modules of the benchmark importable, for as long as a test runs."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    verbosity = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(verbosity)
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez(tmp_path / "small.npz", **grid_arrays())
    return tmp_path / "small.npz"


@pytest.fixture
def table(path: Path):
    from sb3_hpo.tables.curve_table import CurveTable

    return CurveTable.read(path)


def test_command_prints_one_json_object(path: Path, monkeypatch, capsys) -> None:
    import replay

    arguments = ["--policy", "default", "--budget", "100", "--repetitions", "6", "--seed", "0", "--json"]
    monkeypatch.setattr(sys, "argv", ["replay.py", str(path), *arguments])
    replay.main()
    result = json.loads(capsys.readouterr().out)
    assert {name: result[name] for name in ("policy", "budget", "repetitions", "seed", "table")} == {
        "policy": "default",
        "budget": 100,
        "repetitions": 6,
        "seed": 0,
        "table": "small.npz",
    }
    for summary in (result["regret"], result["true_score"]):
        assert set(summary) == {"mean", "median", "p90", "ci95"}
        assert summary["ci95"][0] <= summary["mean"] <= summary["ci95"][1]
    assert 0.0 <= result["regret"]["median"] <= result["regret"]["p90"] <= 1.0


@pytest.mark.parametrize(
    "policy",
    ["stock", "default", "three-seeds", "promote-allot", "promote-without-checkpoints", "promote-best", "gp-halving"],
)
@pytest.mark.parametrize("budget", [1, 7, 90, 200])
def test_budget_is_never_exceeded(table, policy: str, budget: int) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = TableTuning(table, POLICIES[policy], budget, np.random.default_rng(1))
    assert 0 <= tuning.run() < 12
    assert 0 < tuning.purse.spent <= budget


def test_same_seed_gives_the_same_numbers_on_any_number_of_processes(table) -> None:
    import replay

    first = replay.replay(table, "default", 30, 4, seed=3)
    assert first == replay.replay(table, "default", 30, 4, seed=3)
    assert first != replay.replay(table, "default", 30, 4, seed=4)


def test_stock_trains_every_trial_to_its_end_on_any_seed_and_takes_the_best_last(table) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = TableTuning(table, POLICIES["stock"], 200, np.random.default_rng(0))
    winner = tuning.run()
    trials = tuning._study.trials
    assert tuning.purse.spent == 200
    assert [len(trial.intermediate_values) for trial in trials] == [1] * 10
    assert [trial.value for trial in trials] == [trial.user_attrs["runs"][0]["returns"][0][0] for trial in trials]
    assert all(trial.value in table.curves[table.index(trial.params), :, -1] for trial in trials)
    assert winner == table.index(max(trials, key=lambda trial: trial.value).params)
    columns = {np.flatnonzero(table.curves[table.index(t.params), :, -1] == t.value)[0] for t in trials}
    assert len(columns) > 1


@pytest.mark.parametrize(("policy", "is_told"), [("known-75", True), ("known-75-ignored", False), ("default", False)])
def test_a_tuning_begins_with_the_configuration_that_is_known(table, policy: str, is_told: bool) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    from sb3_hpo.near_default import NearDefault

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = TableTuning(table, POLICIES[policy], 60, np.random.default_rng(3))
    assert isinstance(tuning._study.sampler.sampler.sampler, NearDefault) == is_told
    tuning.run()
    first = table.index(tuning._study.trials[0].params)
    worse = np.mean(table.truth < table.truth[first])
    assert (abs(worse - 0.75) < 0.15) == (policy != "default")


def test_stock_samples_by_optunas_tpe_alone(table) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    tuning = TableTuning(table, POLICIES["stock"], 60, np.random.default_rng(3))
    sampler = tuning._study.sampler
    assert type(sampler) is optuna.samplers.TPESampler
    # As the zoo makes it (rl_zoo3, exp_manager.py).
    zoos = optuna.samplers.TPESampler(n_startup_trials=10, multivariate=True)
    for name in ("_n_startup_trials", "_n_ei_candidates", "_gamma", "_constant_liar", "_group"):
        assert getattr(sampler, name) == getattr(zoos, name), name
    assert sampler._parzen_estimator_parameters == zoos._parzen_estimator_parameters


def test_promoting_finds_the_best_for_less_than_it_takes_to_train_all(table) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = TableTuning(table, POLICIES["default"], 160, np.random.default_rng(2))
    assert tuning.run() == 8
    paid = {}
    for trial in tuning._study.trials:
        for run in trial.user_attrs.get("runs", []):
            key = table.index(trial.params)
            paid[key] = max(paid.get(key, 0), run["timesteps"][-1] if run["timesteps"] else 0)
    assert sum(paid.values()) <= 160 < 12 * 20


def test_finalist_of_the_search_is_not_trained_again_on_its_seed(table) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = TableTuning(table, POLICIES["promote-allot"], 400, np.random.default_rng(2))
    tuning.run()
    validation = optuna.load_study(study_name=f"{tuning._study.study_name}-validation", storage=tuning._storage)
    assert {trial.user_attrs["seed"] for trial in validation.trials} == {1, 2}
    searched: dict[int, int] = {}
    for trial in tuning._study.trials:
        index = table.index(trial.params)
        searched[index] = max(searched.get(index, 0), trial.last_step or 0)
    n_new = sum(trial.user_attrs["seed"] > 0 for trial in validation.trials)
    assert tuning.purse.spent == sum(searched.values()) + 20 * n_new


def test_the_choice_knows_what_the_search_saw_of_finalists_over_the_last_quarter(table) -> None:
    from policies import POLICIES
    from table_tuning import TableTuning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = TableTuning(table, POLICIES["default"], 400, np.random.default_rng(2))
    tuning.run()
    finalists = tuning._candidates(3)
    assert finalists
    trainings = tuning._trainings(finalists)
    for finalist in finalists:
        place = table.index(finalist.configuration), tuning._columns[0]
        expected = np.mean([*table.curves[place][14:19], table.final[place]])
        assert trainings.late_means(finalist, [0]) == [pytest.approx(expected)]


def test_a_table_is_made_of_complete_trials(tmp_path: Path, task, monkeypatch, capsys) -> None:
    import make_table

    from sb3_hpo.tables.curve_table import CurveTable

    output = tmp_path / "tables" / "made.npz"
    study_file = tmp_path / "table.db"
    words = ["make_table.py", "--n-configurations", "0", "--study", str(study_file), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="no configuration is trained on all its seeds yet"):
        make_table.main()
    study = optuna.create_study(study_name=make_table.STUDY, storage=f"sqlite:///{study_file}", direction="maximize")
    settings = TuningSettings(n_evaluations=4, n_eval_episodes=1, n_validation_episodes=3)
    study.optimize(Objective(task, SPACE, settings, [7, 8]), n_trials=2)
    study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.PRUNED))
    with pytest.raises(SystemExit) as ended:
        make_table.main()
    assert ended.value.code == 0
    assert "made.npz: 2 configurations, " in capsys.readouterr().out
    table = CurveTable.read(output)
    assert set(table.columns) == {"log10_learning_rate", "log10_one_minus_gamma", "n_steps"}
    run = study.trials[1].user_attrs["runs"][1]
    assert table.curves[1, 1].tolist() == [float(np.float32(np.mean(returns))) for returns in run["returns"]]
    assert table.final[1, 1] == pytest.approx(np.mean(run["final_returns"]))
    assert table.columns["log10_learning_rate"][1] == np.log10(study.trials[1].params["learning_rate"])


def test_the_table_is_made_by_a_random_search_that_goes_on() -> None:
    import make_table

    args = argparse.Namespace(
        algo="dqn",
        env="CartPole-v1",
        n_timesteps=100,
        n_evaluations=4,
        n_seeds=3,
        n_configurations=9,
        seed=1,
        max_trial_cost="none",
        study=Path("x.db"),
        around_default=False,
    )
    command, *options = make_table.tune_words(args)
    given = vars(tune_parser().parse_args(options))
    assert command == "tune"
    assert (given["sampler"], given["pruner"], given["max_trial_cost"]) == ("random", "none", None)
    args.around_default = True
    around = vars(tune_parser().parse_args(make_table.tune_words(args)[1:]))
    assert (around["sampler"], around["sampler_kwargs"]) == ("tpe", {"n_startup_trials": 1_000_000})
    assert (given["max_total_trials"], given["n_seeds"], given["n_timesteps"]) == (9, 3, 100)
    assert given["storage"] == "sqlite:///x.db"


def test_synthetic_tables_are_tables(tmp_path: Path, monkeypatch) -> None:
    import synthetic_tables

    from sb3_hpo.tables.curve_table import CurveTable

    monkeypatch.setattr(synthetic_tables, "N_CONFIGURATIONS", 20)
    monkeypatch.setattr(sys, "argv", ["synthetic_tables.py", str(tmp_path), "--seed", "1"])
    synthetic_tables.main()
    for name, kind in synthetic_tables.KINDS.items():
        table = CurveTable.read(tmp_path / f"{name}.npz")
        assert table.curves.shape == (20, 5, 100)
        assert len(table.space) == kind.n_parameters
        assert table.regret.min() == 0.0


def test_all_policies_on_all_tables_in_one_file(path: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    import replay_all

    target = tmp_path / "all.json"
    options = ["--policies", "stock", "random", "--budgets", "40", "60", "--repetitions", "2", "--json", str(target)]
    monkeypatch.setattr(sys, "argv", ["replay_all.py", str(path), *options])
    replay_all.main()
    stored = json.loads(target.read_text())
    assert len(stored["results"]) == 4
    assert str(path) not in target.read_text()
    assert "| small | 40 |" in capsys.readouterr().out
    replay_all.main()
    assert json.loads(target.read_text())["results"] == stored["results"]


@pytest.mark.parametrize(("asked", "drawn"), [((), ["default", "stock"]), (("random",), ["random"])])
def test_picture_has_the_policies_that_were_asked_for(tmp_path: Path, monkeypatch, asked, drawn) -> None:
    import replay_all

    regret = {"mean": 0.2, "ci95": [0.1, 0.3]}
    budgets = {"stock": (40, 60), "default": (40, 60), "random": (40,)}
    results = [
        {"table": "small.npz", "policy": policy, "budget": budget, "repetitions": 2, "regret": regret}
        for policy, of_policy in budgets.items()
        for budget in of_policy
    ]
    labels = []
    draw_policy = replay_all._draw_policy

    def record(axis, points, label, colour) -> None:
        labels.append((label, len(points)))
        draw_policy(axis, points, label, colour)

    monkeypatch.setattr(replay_all, "_draw_policy", record)
    replay_all.draw(results, tmp_path / "all.png", asked)
    assert labels == [(policy, len(budgets[policy])) for policy in drawn]
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
