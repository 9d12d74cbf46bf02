from __future__ import annotations

import optuna

from sb3_hpo.seeded_sampler import SeededByEachTrial, SeededByTrial


def sampler() -> SeededByTrial:
    return SeededByTrial(lambda number: optuna.samplers.RandomSampler(seed=number))


def drawn(study: optuna.Study) -> float:
    study.sampler = sampler()
    return study.ask().suggest_float("x", 0.0, 1.0)


def test_workers_that_begin_with_different_trials_draw_differently(study: optuna.Study) -> None:
    assert len({drawn(study) for _ in range(5)}) == 5


def test_one_worker_on_a_new_study_draws_the_same_again() -> None:
    values = []
    for _ in range(2):
        study = optuna.create_study(sampler=sampler())
        values.append([study.ask().suggest_float("x", 0.0, 1.0) for _ in range(3)])
    assert values[0] == values[1]
    assert len(set(values[0])) == 3


def test_the_sampler_is_made_once_by_its_first_trial(study: optuna.Study) -> None:
    made: list[int] = []

    def make(number: int) -> optuna.samplers.BaseSampler:
        made.append(number)
        return optuna.samplers.RandomSampler(seed=number)

    study.add_trial(optuna.trial.create_trial(value=0.0))
    study.sampler = SeededByTrial(make)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=3)
    assert made == [1]


def test_a_sampler_that_has_no_end_is_never_exhausted(study: optuna.Study) -> None:
    assert not sampler().is_exhausted(study)


def test_a_sampler_for_each_trial_is_seeded_by_the_trials_before_that_count(study: optuna.Study) -> None:
    made: list[int] = []

    def make(n_before: int) -> optuna.samplers.BaseSampler:
        made.append(n_before)
        return optuna.samplers.RandomSampler(seed=n_before)

    study.sampler = SeededByEachTrial(make, lambda trial: trial.state == optuna.trial.TrialState.COMPLETE)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=2)
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=1)
    assert made == [0, 1, 2]
