"""The sampler's model: that it is the sampler's own, at the chosen point of the study."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from sb3_hpo.errors import UserError
from sb3_hpo.report.densities import Surrogate, tpe_surrogate
from sb3_hpo.report.gaussian_view import gaussian_slices
from sb3_hpo.report.param_axis import grid_of
from sb3_hpo.report.sampler_view import sampler_of, view_at
from sb3_hpo.report.surrogate import surrogate_section
from tests.report_studies import DISTRIBUTIONS, START, add_trials, new_study

if TYPE_CHECKING:
    from sb3_hpo.report.pictures import Section

OUTCOMES = ["complete", "paused", "went on", "failed"] * 8


def surrogate_of(study: optuna.Study, at_trial: int | None = None, **kwargs: Any) -> Surrogate:
    number = len(study.trials) if at_trial is None else at_trial
    view = view_at(study, number, "tpe")
    surrogate = tpe_surrogate(view.study, view.trial, view.distributions, 10, kwargs)
    assert surrogate is not None
    return surrogate


def evenly(x: np.ndarray, distribution: Any) -> np.ndarray:
    """The positions at which an evenly drawn param has the same probability everywhere."""
    return np.log(x) if distribution.log else x


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(1e-4, 1.0, log=True),
        FloatDistribution(-2.0, 3.0),
        FloatDistribution(0.0, 1.0, step=0.1),
        IntDistribution(1, 9),
        IntDistribution(1, 300, log=True),
        CategoricalDistribution(["a", None, 3]),
    ],
    ids=str,
)
def test_densities_are_relative_to_drawing_evenly_and_their_mean_is_one(distribution):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    for number in range(30):
        study.tell(study.ask({"x": distribution}), float(number * 7 % 30))
    (one,) = surrogate_of(study).densities
    for density in (one.good, one.rest):
        if isinstance(distribution, CategoricalDistribution):
            assert density.mean() == pytest.approx(1.0)
        elif distribution.step is None:
            at = evenly(one.x, distribution)
            assert np.trapezoid(density, at) / (at[-1] - at[0]) == pytest.approx(1.0, abs=0.02)
        elif not distribution.log:
            assert density.mean() == pytest.approx(1.0)
    assert np.allclose(one.ratio, one.good / one.rest)


def test_the_density_of_a_logarithmic_whole_number_sums_to_one():
    distribution = IntDistribution(1, 100, log=True)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    for number in range(20):
        study.tell(study.ask({"x": distribution}), float(number))
    (one,) = surrogate_of(study).densities
    assert set(one.x) <= set(range(1, 101))
    even = np.log((one.x + 0.5) / (one.x - 0.5)) / np.log(100.5 / 0.5)
    all_values = np.arange(1, 101)
    if len(one.x) == 100:
        assert np.sum(one.good * even) == pytest.approx(1.0)
    assert set(grid_of(distribution)) <= set(all_values)


def test_one_param_alone_is_what_optuna_draws_by(monkeypatch):
    """With one param the density is that of Optuna's estimator, whose log the sampler compares."""
    seen = []
    compute = optuna.samplers.TPESampler._compute_acquisition_func

    def recorded(self, samples, below, above):
        seen.append((samples["x"], compute(self, samples, below, above)))
        return seen[-1][1]

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=2))
    study.optimize(lambda trial: -((trial.suggest_float("x", -2.0, 2.0) - 1.0) ** 2), n_trials=40)
    (one,) = surrogate_of(study).densities
    monkeypatch.setattr(optuna.samplers.TPESampler, "_compute_acquisition_func", recorded)
    study.sampler = optuna.samplers.TPESampler(seed=0)
    study.ask({"x": FloatDistribution(-2.0, 2.0)})
    ((samples, log_ratios),) = seen
    assert np.allclose(np.interp(samples, one.x, np.log(one.ratio)), log_ratios, atol=0.05)


def test_the_good_trials_are_the_best_ones_and_lie_where_l_is_high():
    study = new_study()
    add_trials(study, OUTCOMES)
    surrogate = surrogate_of(study)
    values = [trial.value for trial in surrogate.good]
    rest = [trial.value for trial in surrogate.rest if trial.state == TrialState.COMPLETE]
    assert min(values) >= max(rest)
    rate = next(one for one in surrogate.densities if one.name == "learning_rate")
    assert 1e-4 < rate.x[int(np.argmax(rate.good))] < 1e-2  # The best is 1e-3 there.
    assert {one.name for one in surrogate.densities} == set(DISTRIBUTIONS)


def test_a_configuration_that_paused_and_went_on_counts_once():
    study = new_study()
    add_trials(study, OUTCOMES)
    surrogate = surrogate_of(study)
    configurations = [repr(trial.params) for trial in (*surrogate.good, *surrogate.rest)]
    assert len(configurations) == len(set(configurations)) == 24  # 32, of which 8 failed.


def test_the_study_is_seen_as_it_was_when_the_trial_began():
    study = new_study()
    add_trials(study, ["complete"] * 30)
    view = view_at(study, 20, "random")
    trials = view.study.get_trials(deepcopy=False)
    assert [trial.number for trial in trials] == list(range(21))
    assert view.drawn == study.trials[20].params
    assert trials[4].value == study.trials[4].value
    surrogate = surrogate_of(study, at_trial=20)
    assert len(surrogate.good) + len(surrogate.rest) == 20


def test_what_ended_after_the_trial_began_was_running_then():
    study = optuna.create_study(direction="maximize")
    for end in (10, 60):
        trial = optuna.create_trial(value=1.0, params={"x": 0.5}, distributions={"x": FloatDistribution(0.0, 1.0)})
        trial.datetime_start, trial.datetime_complete = START, START + datetime.timedelta(seconds=end)
        study.add_trial(trial)
    third = optuna.create_trial(value=3.0, params={"x": 0.1}, distributions={"x": FloatDistribution(0.0, 1.0)})
    third.datetime_start = START + datetime.timedelta(seconds=30)
    third.datetime_complete = START + datetime.timedelta(seconds=90)
    study.add_trial(third)
    then = view_at(study, 2, "tpe").study.get_trials(deepcopy=False)
    assert [trial.state for trial in then[:2]] == [TrialState.COMPLETE, TrialState.RUNNING]
    now = view_at(study, 3, "tpe").study.get_trials(deepcopy=False)
    assert [trial.state for trial in now[:3]] == [TrialState.COMPLETE] * 3


def test_looking_changes_nothing_in_the_study():
    study = new_study()
    add_trials(study, OUTCOMES)
    before = study.trials
    surrogate_of(study)
    assert study.trials == before


@pytest.mark.parametrize("number", [-1, 4, 99])
def test_a_trial_that_is_not_there_is_told(number):
    study = new_study()
    add_trials(study, ["complete"] * 3)
    with pytest.raises(UserError, match=f"--at-trial {number}: .* has no trial {number}: give a number from 0 to 3"):
        surrogate_section(study, number)


def section_of(sampler: str, outcomes: list[str], at_trial: int | None = None, **kwargs: Any) -> Section:
    study = new_study(settings={"sampler": sampler, "sampler_kwargs": kwargs})
    add_trials(study, outcomes)
    return surrogate_section(study, at_trial)


def test_the_options_of_the_study_are_the_samplers():
    study = new_study(
        settings={"sampler": "gp", "n_startup_trials": 4, "sampler_kwargs": {"deterministic_objective": True}}
    )
    sampler = sampler_of(study, 0)
    assert (sampler.name, sampler.n_startup_trials, sampler.is_known) == ("gp", 4, True)
    assert sampler.kwargs == {"deterministic_objective": True}


def test_tpe_draws_at_random_before_it_learns_and_the_page_says_so():
    (picture,) = section_of("tpe", ["complete"] * 9).pictures
    assert picture.content is None
    assert picture.reading == "TPE draws at random until it has 10 configurations to learn from."


@pytest.mark.parametrize("options", [{"group": True}, {"multivariate": False}, {"constant_liar": False}])
def test_tpe_with_other_options_is_drawn_as_well(options):
    section = section_of("tpe", OUTCOMES, **options)
    assert {picture.title for picture in section.pictures} == set(DISTRIBUTIONS)
    assert all(picture.content is not None for picture in section.pictures)


def test_the_page_says_what_the_trial_got_in_truth():
    section = section_of("tpe", OUTCOMES, at_trial=20)
    assert section.title == "What the sampler knows before trial 20"
    for picture in section.pictures:
        names = [series.name for series in picture.content.series]
        assert names[:3] == ["l(x), good", "g(x), rest", "l/g"]
        assert "trial 20" in names
    assert "the threshold between them is a score" in section.text[1]


def test_a_trial_that_was_not_drawn_says_so():
    goes_on = next(n for n, outcome in enumerate(OUTCOMES[:20]) if outcome == "went on" and n > 15) + 5
    section = section_of("tpe", OUTCOMES, at_trial=goes_on)
    assert section.text[-1] == f"Trial {goes_on} goes on with trial {goes_on - 1}: its params were not drawn anew."


@pytest.mark.parametrize(("sampler", "options"), [("random", {}), ("tpe", {"unknown": 3}), ("no_such", {})])
def test_samplers_without_a_model_have_a_reason_in_its_place(sampler, options):
    (picture,) = section_of(sampler, OUTCOMES, **options).pictures
    assert picture.content is None
    assert ("keeps no model" in picture.reading) == (sampler != "tpe")
    assert ("unknown" in picture.reading) == bool(options)


def test_a_gaussian_process_has_a_mean_and_a_band_around_it():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(lambda trial: 50.0 - 20.0 * (trial.suggest_float("x", -2.0, 2.0) - 1.0) ** 2, n_trials=25)
    view = view_at(study, 25, "gp")
    slices = gaussian_slices(view.study, view.trial, 10, {"deterministic_objective": False})
    assert slices is not None
    (one,) = slices
    assert (one.low < one.mean).all()
    assert (one.mean < one.high).all()
    truth = 50.0 - 20.0 * (one.x - 1.0) ** 2
    assert np.abs(one.mean - truth).max() < 3.0
    assert one.x[int(np.argmax(one.mean))] == pytest.approx(1.0, abs=0.1)


def test_the_band_of_a_study_that_is_minimized_is_the_right_way_up():
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(lambda trial: (trial.suggest_float("x", -2.0, 2.0) - 1.0) ** 2, n_trials=25)
    view = view_at(study, 25, "gp")
    (one,) = gaussian_slices(view.study, view.trial, 10, {}) or []
    assert np.abs(one.mean - (one.x - 1.0) ** 2).max() < 0.3


def test_the_page_shows_a_gaussian_process():
    section = section_of("gp", ["complete"] * 14)
    assert len(section.pictures) == len(DISTRIBUTIONS)
    kinds = [series.kind for series in section.pictures[0].content.series]
    assert kinds[:3] == ["band", "line", "points"]
    (too_few,) = section_of("gp", ["complete"] * 4).pictures
    assert too_few.reading == "The Gaussian process draws at random until it has 10 complete trials to learn from."
