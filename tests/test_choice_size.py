from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.choice_size import ChoiceSize, choice_size, choice_size_after, kept_for_choosing
from sb3_hpo.settings import TuningSettings

USUAL = TuningSettings()


@pytest.mark.parametrize(
    ("n_trainings", "expected"),
    [
        (0.0, ChoiceSize(8, 5, 15)),
        (75.0, ChoiceSize(8, 5, 15)),
        (150.0, ChoiceSize(16, 10, 30)),
        (200.0, ChoiceSize(21, 13, 40)),
        (300.0, ChoiceSize(32, 20, 60)),
        (1e9, ChoiceSize(32, 20, 60)),
    ],
)
def test_a_fifth_of_the_trainings_chooses_where_that_is_more_than_usual(n_trainings: float, expected: ChoiceSize):
    assert choice_size(USUAL, n_trainings) == expected


def test_after_a_search_it_is_a_fifth_of_both() -> None:
    assert choice_size_after(USUAL, 160.0) == choice_size(USUAL, 200.0)


def test_another_share_needs_another_number_of_trainings() -> None:
    assert choice_size(USUAL, 100.0, 0.3) == choice_size(USUAL, 150.0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"n_finalists": 5}, ChoiceSize(5, 5, 15)),
        ({"n_finalists": 8}, ChoiceSize(8, 5, 15)),
        ({"n_finalists": 1}, ChoiceSize(1, 0, 0)),
        ({"n_validation_seeds": 0}, ChoiceSize(8, 0, 0)),
        ({"n_validation_seeds": 20}, ChoiceSize(16, 20, 60)),
    ],
)
def test_what_was_asked_for_stays(options: dict[str, int], expected: ChoiceSize) -> None:
    assert choice_size(TuningSettings(**options), 300.0) == expected


@given(st.floats(0.0, 1e6), st.integers(0, 40))
def test_it_never_takes_more_than_its_share_or_what_was_asked(n_trainings: float, n_validation_seeds: int) -> None:
    settings = TuningSettings(n_validation_seeds=n_validation_seeds)
    size = choice_size(settings, n_trainings)
    assert size.n_trainings <= max(settings.n_selection_trainings, 0.2 * n_trainings + 0.5)
    assert size.n_trainings <= size.n_finalists * size.n_seeds


@pytest.mark.parametrize(
    ("n_trainings", "expected"),
    [(10.0, 0), (19.0, 0), (20.0, 4), (29.0, 4), (30.0, 6), (74.0, 14), (75.0, 15), (1e9, 15)],
)
def test_a_fifth_is_kept_back_and_nothing_where_that_is_less_than_two_rounds(n_trainings: float, expected: int):
    assert kept_for_choosing(choice_size(USUAL, 0.0), n_trainings) == expected
