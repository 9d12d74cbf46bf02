"""What a comparison found, in numbers, in words and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sb3_hpo.comparing.picture import SUFFIXES, draw, looks_of
from sb3_hpo.comparing.plan import Plan, Search
from sb3_hpo.comparing.result import ComparisonResult, Subject
from sb3_hpo.comparing.traces import Incumbent, Trace
from sb3_hpo.comparing.words import grid_in_words, result_table, sentences
from sb3_hpo.grid import grid_of
from tests.curves import FINITE
from tests.full_disks import no_file_beyond

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "tpe": [90.0, 95.0, 93.0, 94.0, 91.0],
    "random": [50.0, 94.0, 40.0, 60.0, 55.0],
    "grid": [10.0, 12.0, 9.0, 11.0],
}
SUBJECT = Subject("dqn on CartPole-v1", 100, "environment steps", "grid: 9 points")


def comparison(seconds: float = 1.0) -> ComparisonResult:
    """tpe is there after one of four trainings, random after three; the last search by grid found nothing."""
    plan = Plan(budget=4)
    traces, truth = [], {}
    for search in plan.searches:
        scores = GOOD[search.sampler]
        found: tuple[Incumbent, ...] = ()
        if search.repetition < len(scores):
            key = search.name
            truth[key] = [scores[search.repetition] - 1.0, scores[search.repetition] + 1.0]
            found = (Incumbent(100 if search.sampler == "tpe" else 300, seconds, 99.0, key),)
        traces.append(Trace(search, 4, 400, 4 * seconds, found))
    return ComparisonResult(plan, SUBJECT, traces, truth, {"configuration tuned from": 60.0}, n_left_out=2)


def test_samplers_are_ranked_by_the_interquartile_mean_of_their_repetitions() -> None:
    result = comparison()
    assert [of.sampler for of in result.by_sampler] == ["grid", "random", "tpe"]
    assert [of.sampler for of in result.ranking] == ["tpe", "random", "grid"]
    best = result.ranking[0]
    assert best.finals == (90.0, 95.0, 93.0, 94.0, 91.0)
    assert best.center == pytest.approx((93.0 + 94.0 + 91.0) / 3)
    assert best.ci95 is not None
    assert best.ci95[0] < best.center < best.ci95[1]
    assert best.claimed == 99.0
    assert [trace.search for trace in result.of("tpe")] == [Search("tpe", i) for i in range(5)]


def test_sentences_say_what_it_shows() -> None:
    text = "\n".join(sentences(comparison()))
    assert "grid: 9 points." in text
    assert "2 configurations that stood as the best of a search for the shortest time" in text
    assert "grid: 1 of 5 repetitions trained no trial to its end" in text
    assert "tpe is better than random (difference " in text
    assert "after 1.0 trainings it had found what random had after 4" in text


@pytest.mark.parametrize(
    ("n_repetitions", "said"),
    [
        (1, "1 repetition cannot tell tpe and random apart, whatever the difference: it takes 4 or more (1.0)."),
        (3, "3 repetitions cannot tell tpe and random apart, whatever the difference: it takes 4 or more (1.0, 95 %"),
        (4, "tpe and random cannot be told apart by 4 repetitions (difference 1.0, 95 % interval -"),
    ],
)
def test_what_cannot_be_told_apart_is_said(n_repetitions: int, said: str) -> None:
    plan = Plan(samplers=("tpe", "random"), n_repetitions=n_repetitions, budget=4)
    traces = [
        Trace(Search(s, i), 4, 400, 0.0, (Incumbent(100, 0.0, 1.0, f"{s}{i}"),))
        for s in plan.samplers
        for i in range(n_repetitions)
    ]
    others = [0.0, 8.0, 1.0, 9.0]
    scores = {f"random{i}": [others[i]] for i in range(n_repetitions)}
    scores |= {f"tpe{i}": [1.0 + others[i]] for i in range(n_repetitions)}
    result = ComparisonResult(plan, SUBJECT, traces, scores, {})
    assert said in "\n".join(sentences(result))
    assert not result.has_seconds
    assert list(result.as_mapping()["samplers"]["tpe"]["curves"]) == ["steps"]


def test_sampler_that_learns_later_than_the_budget_lasts_is_said() -> None:
    assert "tpe draws its first 10 trials at random" in "\n".join(sentences(comparison()))


def test_table_has_a_row_for_each_sampler_and_reference() -> None:
    table = result_table(comparison())
    assert [*table.columns[0].cells] == ["grid", "random", "tpe", "configuration tuned from"]
    assert [*table.columns[1].cells][-1] == "60.0"
    assert next(iter(table.columns[3].cells)) == "10 12 9 11"


def test_grid_is_told_by_how_much_of_it_a_search_can_try() -> None:
    grid = grid_of(FINITE)
    assert grid_in_words(grid, 9) == (
        "grid: 27 points (4 parameters of 2 to 3 values), of which 9 trainings of a search try 33 %"
    )
    assert grid_in_words(grid, None).endswith("of 2 to 3 values)")


@pytest.mark.parametrize("seconds", [0.0, 1.0, 500.0, 9_000.0])
def test_same_comparison_gives_the_same_picture(tmp_path: Path, seconds: float) -> None:
    for name in ("a.png", "b.png"):
        draw(comparison(seconds), tmp_path / name)
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width = int.from_bytes(content[16:20], "big")
    assert width == (840 if seconds == 0.0 else 1368)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk_leaves_the_earlier_picture(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"picture{suffix}"
    draw(comparison(), file)
    before = file.read_bytes()
    with no_file_beyond(1_000), pytest.raises(OSError, match="File too large") as caught:
        draw(comparison(500.0), file)
    assert caught.value.filename == str(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    draw(comparison(500.0), file)
    assert file.read_bytes() != before


def test_samplers_are_told_apart_without_colour() -> None:
    looks = looks_of(("grid", "random", "tpe", "gp", "qmc", "cmaes"))
    assert len({(str(look["linestyle"]), look["marker"]) for look in looks.values()}) == 6
    assert looks["tpe"] == looks_of(("tpe",))["tpe"]
