from __future__ import annotations

import dataclasses
import json
import math
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sb3_hpo.candidates import Candidate, Validated, Validation
from sb3_hpo.comparison import Comparison
from sb3_hpo.plugin.arguments import zoo_parser
from sb3_hpo.result import TuningResult
from sb3_hpo.trial_counts import TrialCounts

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_CONFIGURATION = {"n_timesteps": 200, "policy": "MlpPolicy", "learning_rate": 0.001}
WINNER_CONFIGURATION = {**DEFAULT_CONFIGURATION, "learning_rate": 0.01, "policy_kwargs": "dict(net_arch=[8])"}
SEEDS = [4, 5, 6, 7]


def validated(
    level: float | None, spread: float = 1.0, *, is_default: bool = False, trial: int | None = 3, score: Any = 77.5
) -> Validated:
    configuration = DEFAULT_CONFIGURATION if is_default else WINNER_CONFIGURATION
    candidate = Candidate(trial, score, configuration, is_default=is_default)
    if level is None:
        return Validated(candidate, [], None, None)
    return Validated(candidate, [level - spread, level, level, level + spread], level, (level - spread, level + spread))


def on_one_seed(level: float, *, is_default: bool = False) -> Validated:
    return Validated(validated(level, is_default=is_default).candidate, [level], level, None)


def create_result(*ranking: Validated, seeds: list[int] = SEEDS, comparison: Comparison | None = None) -> TuningResult:
    winner = ranking[0].candidate
    return TuningResult(
        study_name="my_study",
        algo="dqn",
        env="CartPole-v1",
        seconds=12.345,
        n_timesteps_spent=123_456,
        n_trials=TrialCounts(complete=4, pruned=2, failed=1),
        winner_params=None if winner.is_default else {"learning_rate": 0.01},
        validation=Validation(seeds, 4, list(ranking), comparison, selection_seeds=[8, 9]),
    )


def default(level: float | None, **kwargs: Any) -> Validated:
    return validated(level, is_default=True, **{"trial": 0, "score": 11.0, **kwargs})


STOPPED = Validated(
    Candidate(7, 70.0, WINNER_CONFIGURATION, is_default=False), [], None, None, [30.0, 31.0], is_behind=True
)

BETTER = create_result(
    validated(100),
    default(50),
    STOPPED,
    comparison=Comparison(50.0, (48.0, 52.0), 1.0, "better", confidence=0.99),
)
NOT_CLEAR = create_result(
    default(50), validated(51), comparison=Comparison(1.0, (-1.0, 3.0), 0.6875, "not distinguishable")
)
PROBABLY = create_result(
    validated(51),
    default(50),
    comparison=Comparison(1.0, (-1.0, 3.0), 0.6875, "not distinguishable", 2.0, (-3.0, 7.0), confidence=0.834),
)
STEADIER = create_result(
    dataclasses.replace(validated(500), late_means=[500.0, 499.0, 500.0, 500.0]),
    dataclasses.replace(default(500), late_means=[420.0, 380.0, 500.0, 450.0]),
    comparison=Comparison(0.0, (0.0, 0.0), 0.5, "not distinguishable", 0.0, (0.0, 0.0), 0.5, late_confidence=0.971),
)
SEED_BY_SEED = create_result(
    validated(100),
    default(50),
    comparison=Comparison(50.0, (48.0, 52.0), 1.0, "better", confidence=0.99, is_paired=True),
)
WORSE = create_result(default(50), validated(20), comparison=Comparison(-30.0, (-32.0, -28.0), 0.0, "worse"))
ONE_SEED = create_result(
    on_one_seed(50, is_default=True),
    on_one_seed(100),
    seeds=[4],
    comparison=Comparison(50.0, None, 1.0, "not distinguishable"),
)
BY_THE_MEANS = create_result(
    validated(100),
    default(50),
    comparison=Comparison(50.0, (0.0, 52.0), 1.0, "better", 45.0, (9.0, 60.0)),
)
NOT_VALIDATED = create_result(validated(None), default(None), seeds=[])
DEFAULT_IS_AHEAD = create_result(default(None, trial=None, score=None), validated(None), seeds=[])
PAUSED = create_result(
    default(None, trial=None, score=None),
    Validated(Candidate(3, 77.5, WINNER_CONFIGURATION, is_default=False, is_paused=True), [], None, None),
    seeds=[],
)
NOTHING_FOUND = create_result(default(None, trial=None, score=None), seeds=[])
ONLY_DEFAULT = create_result(default(50))
FAILURE = "seed 4: OSError: broken"


def failed(one: Validated) -> Validated:
    return dataclasses.replace(one, failure=FAILURE)


DEFAULT_FAILED = create_result(validated(None), failed(default(None)), seeds=[])
ALL_FAILED = create_result(failed(default(None)), failed(validated(None)), seeds=[])
FINALISTS_FAILED = create_result(default(50), failed(validated(None)))


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (
            BETTER,
            "Better: on 4 fresh seeds trial 3 has an IQM of 100.0 (95 % interval 99.0 to 101.0), the default one of "
            "50.0 (95 % interval 49.0 to 51.0); the difference is 50.0 (95 % interval 48.0 to 52.0), and a training "
            "of trial 3 scores higher than one of the default with a probability of 1.00.",
        ),
        (
            SEED_BY_SEED,
            "Better: on 4 fresh seeds trial 3 has an IQM of 100.0 (95 % interval 99.0 to 101.0), the default one of "
            "50.0 (95 % interval 49.0 to 51.0); the difference, seed by seed, is 50.0 (95 % interval 48.0 to 52.0), "
            "and a training of trial 3 scores higher than one of the default with a probability of 1.00.",
        ),
        (
            BY_THE_MEANS,
            "Better: on 4 fresh seeds trial 3 has an IQM of 100.0 (95 % interval 99.0 to 101.0), the default one of "
            "50.0 (95 % interval 49.0 to 51.0); the difference is 50.0 (95 % interval 0.0 to 52.0), and a training "
            "of trial 3 scores higher than one of the default with a probability of 1.00. Their means tell them apart: "
            "100.0 and 50.0, a difference of 45.0 (95 % interval 9.0 to 60.0).",
        ),
        (
            NOT_CLEAR,
            "Not distinguishable (keep the default): on 4 fresh seeds trial 3 has an IQM of 51.0 (95 % interval 50.0 "
            "to 52.0), the default one of 50.0 (95 % interval 49.0 to 51.0); the difference is 1.0 (95 % interval "
            "-1.0 to 3.0), and a training of trial 3 scores higher than one of the default with a probability of 0.69.",
        ),
        (
            PROBABLY,
            "Not distinguishable, but probably better (confidence 0.83), so trial 3 is taken: on 4 fresh seeds trial 3 "
            "has an IQM of 51.0 (95 % interval 50.0 to 52.0), the default one of 50.0 (95 % interval 49.0 to 51.0); "
            "the difference is 1.0 (95 % interval -1.0 to 3.0), and a training of trial 3 scores higher than one of "
            "the default with a probability of 0.69. The means are 51.0 and 50.0.",
        ),
        (
            STEADIER,
            "Not distinguishable, but probably steadier (confidence 0.97), so trial 3 is taken: on 4 fresh seeds trial "
            "3 has an IQM of 500.0 (95 % interval 499.0 to 501.0), the default one of 500.0 (95 % interval 499.0 to "
            "501.0); the difference is 0.0 (95 % interval 0.0 to 0.0), and a training of trial 3 scores higher than "
            "one of the default with a probability of 0.50. Over the last quarter of their trainings the means are "
            "499.8 and 437.5.",
        ),
        (
            WORSE,
            "Worse (keep the default): on 4 fresh seeds trial 3 has an IQM of 20.0 (95 % interval 19.0 to 21.0), the "
            "default one of 50.0 (95 % interval 49.0 to 51.0); the difference is -30.0 (95 % interval -32.0 to "
            "-28.0), and a training of trial 3 scores higher than one of the default with a probability of 0.00.",
        ),
        (
            ONE_SEED,
            "Not distinguishable (keep the default): on 1 fresh seed trial 3 has an IQM of 100.0, the default one of "
            "50.0; the difference is 50.0, and a training of trial 3 scores higher than "
            "one of the default with a probability of 1.00. A verdict takes at least 4 seeds.",
        ),
        (
            NOT_VALIDATED,
            "trial 3 has the best score of the search, 77.5, but it was not validated on fresh seeds: expect less.",
        ),
        (
            DEFAULT_IS_AHEAD,
            "No comparison: what the default had on fresh seeds is no less than what trial 3, which was not trained on "
            "them, had in the search, 77.5: keep the default.",
        ),
        (
            PAUSED,
            "No comparison: no trial was trained to its end, and trial 3, which came furthest, was not compared with "
            "the default on fresh seeds: keep the default.",
        ),
        (
            NOTHING_FOUND,
            "No trial was completed, so there is nothing to say about the default configuration but that it is kept.",
        ),
        (
            DEFAULT_FAILED,
            f"No comparison: a training of the default configuration failed ({FAILURE}); trial 3, the finalist that it "
            "was to be compared with, is kept: expect less than in the search.",
        ),
        (
            ALL_FAILED,
            f"No comparison: a training of the default configuration failed ({FAILURE}); every finalist failed too: "
            "nothing here can be recommended, and the default configuration is kept.",
        ),
        (
            FINALISTS_FAILED,
            "No comparison: every finalist failed when it was trained on fresh seeds: keep the default.",
        ),
        (ONLY_DEFAULT, "Nothing but the default configuration was completed: keep the default."),
    ],
    ids=[
        "better",
        "seed by seed",
        "by the means",
        "not clear",
        "probably",
        "steadier",
        "worse",
        "one seed",
        "not validated",
        "default is ahead",
        "nothing trained to its end",
        "nothing",
        "default failed",
        "all failed",
        "finalists failed",
        "only default",
    ],
)
def test_verdict(result: TuningResult, verdict: str) -> None:
    assert result.verdict() == verdict
    assert result.as_json()["verdict"]["text"] == verdict


def test_json_has_the_documented_content() -> None:
    content = BETTER.as_json()
    assert {key: content[key] for key in ("study_name", "algo", "env", "seconds", "n_timesteps_spent")} == {
        "study_name": "my_study",
        "algo": "dqn",
        "env": "CartPole-v1",
        "seconds": 12.3,
        "n_timesteps_spent": 123_456,
    }
    assert content["n_trials"] == {"complete": 4, "pruned": 2, "failed": 1}
    assert content["winner"] == {
        "trial": 3,
        "score": 77.5,
        "params": {"learning_rate": 0.01},
        "hyperparams": WINNER_CONFIGURATION,
    }
    assert content["validation"]["seeds"] == SEEDS
    assert content["validation"]["winner"] == {
        "scores": [99, 100, 100, 101],
        "iqm": 100,
        "ci95": [99, 101],
        "late_means": [],
        "failure": None,
    }
    assert content["validation"]["default"] == {
        "scores": [49, 50, 50, 51],
        "iqm": 50,
        "ci95": [49, 51],
        "late_means": [],
        "failure": None,
    }
    assert content["validation"]["selection_seeds"] == [8, 9]
    assert content["validation"]["finalists"][1] == {
        "trial": 7,
        "scores": [],
        "iqm": None,
        "ci95": None,
        "late_means": [],
        "failure": None,
        "selection_scores": [30.0, 31.0],
        "behind": True,
    }
    assert content["verdict"] == {
        "verdict": "better",
        "text": BETTER.verdict(),
        "trial": 3,
        "difference": 50.0,
        "ci95": [48.0, 52.0],
        "mean_difference": None,
        "mean_ci95": None,
        "probability_of_improvement": 1.0,
        "confidence": 0.99,
        "late_confidence": None,
        "is_paired": False,
        "is_taken": True,
    }
    assert json.loads(json.dumps(content)) == content


def test_json_has_numbers_that_are_not_finite_as_the_zoo_writes_them(tmp_path: Path) -> None:
    configuration = {**DEFAULT_CONFIGURATION, "max_grad_norm": math.inf, "betas": [0.5, {"b": math.nan}]}
    winner = Validated(Candidate(3, 77.5, configuration, is_default=False), [], None, None)
    params = {"max_grad_norm": math.inf, "learning_rate": 0.01, "size": 8, "other": -math.inf, "name": "inf"}
    dataclasses.replace(create_result(winner, default(None), seeds=[]), winner_params=params).write(tmp_path)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    written = json.loads((tmp_path / "result.json").read_text(), parse_constant=refuse)["winner"]
    assert written["params"] == {
        "max_grad_norm": "float('inf')",
        "learning_rate": 0.01,
        "size": 8,
        "other": "float('-inf')",
        "name": "inf",
    }
    assert written["hyperparams"] == {
        **DEFAULT_CONFIGURATION,
        "max_grad_norm": "float('inf')",
        "betas": [0.5, {"b": "float('nan')"}],
    }
    trained = yaml.safe_load((tmp_path / "best.yml").read_text())["CartPole-v1"]
    assert trained["max_grad_norm"] == math.inf


def test_json_of_a_default_that_wins_without_a_trial() -> None:
    content = create_result(
        default(50, trial=None, score=None), validated(49), comparison=WORSE.validation.comparison
    ).as_json()
    assert content["winner"] == {
        "trial": None,
        "score": None,
        "params": None,
        "hyperparams": DEFAULT_CONFIGURATION,
    }
    assert content["validation"]["winner"] == content["validation"]["default"]


def test_what_failed_is_in_both_files(tmp_path: Path) -> None:
    DEFAULT_FAILED.write(tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["validation"]["default"]["failure"] == FAILURE
    assert f"# default: failed in validation ({FAILURE})." in (tmp_path / "best.yml").read_text()
    assert yaml.safe_load((tmp_path / "best.yml").read_text()) == {
        "CartPole-v1": {**DEFAULT_CONFIGURATION, "learning_rate": 0.01, "policy_kwargs": "dict(net_arch=[8])"}
    }


def test_json_without_a_comparison_holds_null() -> None:
    verdict = NOT_VALIDATED.as_json()["verdict"]
    assert verdict.pop("text") == NOT_VALIDATED.verdict()
    assert verdict.pop("is_taken") is False
    assert set(verdict.values()) == {None}


def test_interval_of_one_seed_is_null() -> None:
    assert ONE_SEED.as_json()["validation"]["winner"] == {
        "scores": [50],
        "iqm": 50,
        "ci95": None,
        "late_means": [],
        "failure": None,
    }


def test_json_without_validation_holds_null() -> None:
    validation = NOT_VALIDATED.as_json()["validation"]
    assert validation["seeds"] == []
    assert (
        validation["winner"]
        == validation["default"]
        == {"scores": [], "iqm": None, "ci95": None, "late_means": [], "failure": None}
    )


@pytest.mark.parametrize("result", [BETTER, WORSE, ONE_SEED, NOT_VALIDATED, NOTHING_FOUND])
def test_files_can_be_read_by_others(result: TuningResult, tmp_path: Path) -> None:
    folder = tmp_path / "dqn" / "my_study"
    result.write(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["best.yml", "result.json"]
    assert json.loads((folder / "result.json").read_text()) == result.as_json()
    assert yaml.safe_load((folder / "best.yml").read_text()) == {
        "CartPole-v1": dict(result.winner.candidate.configuration)
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    NOT_CLEAR.write(tmp_path)
    BETTER.write(tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["verdict"]["text"] == BETTER.verdict()
    assert len(list(tmp_path.iterdir())) == 2


def test_evidence_stands_in_the_comments_of_best_yml(tmp_path: Path) -> None:
    BETTER.write(tmp_path)
    comments = [line for line in (tmp_path / "best.yml").read_text().splitlines() if line.startswith("#")]
    text = "\n".join(comments)
    assert "study my_study: 4 complete, 2 pruned, 1 failed trials; 123,456 environment steps" in text
    assert BETTER.verdict() in text
    assert (
        "trial 3: mean return on fresh seeds 99.0, 100.0, 100.0, 101.0; IQM 100.0, 95 % interval 99.0 to 101.0." in text
    )
    assert "default: mean return on fresh seeds 49.0, 50.0, 50.0, 51.0; IQM 50.0" in text
    assert comments[-1] == (
        f"# Train with it: rl_zoo3 train --algo dqn --env CartPole-v1 -conf {tmp_path / 'best.yml'}"
    )


@pytest.mark.parametrize(
    ("gym_packages", "named"),
    [([], ""), (["mine"], " --gym-packages mine"), (["mine.envs", "other"], " --gym-packages mine.envs other")],
)
def test_the_command_that_trains_the_winner_is_read_by_a_shell(
    gym_packages: list[str], named: str, tmp_path: Path
) -> None:
    result, folder = dataclasses.replace(BETTER, gym_packages=gym_packages), tmp_path / "my logs; of 'May'"
    command = result.training_command(folder)
    assert shlex.split(command)[-2:] == ["-conf", str(folder / "best.yml")]
    assert command.startswith(f"rl_zoo3 train --algo dqn --env CartPole-v1{named} -conf '")
    result.write(folder)
    assert f"# Train with it: {command}\n" in (folder / "best.yml").read_text()
    zoo = zoo_parser().parse_args(shlex.split(command)[2:])
    assert (zoo.gym_packages, zoo.conf_file) == (gym_packages, str(folder / "best.yml"))


def test_finalist_stands_beside_the_default_that_is_kept(tmp_path: Path) -> None:
    NOT_CLEAR.write(tmp_path)
    text = (tmp_path / "best.yml").read_text()
    assert "trial 3: mean return on fresh seeds 50.0, 51.0, 51.0, 52.0" in text
    assert text.count("mean return on fresh seeds") == 2
    assert yaml.safe_load(text) == {"CartPole-v1": DEFAULT_CONFIGURATION}
    assert NOT_CLEAR.as_json()["validation"]["finalists"][0]["iqm"] == 51
