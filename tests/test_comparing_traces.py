from __future__ import annotations

from sb3_hpo.comparing.plan import Search
from sb3_hpo.comparing.traces import Incumbent, Trace, TraceRecorder, n_left_out


def trace(*steps: int) -> Trace:
    incumbents = tuple(Incumbent(s, float(s), float(i), f"{i}") for i, s in enumerate(steps))
    return Trace(Search("random", 0), 9, 90, 90.0, incumbents)


def test_incumbents_are_the_complete_trials_that_were_better_than_all_before() -> None:
    recorder = TraceRecorder(Search("tpe", 1))
    for i, score in enumerate([None, 3.0, 2.0, 3.0, None, 5.0]):
        recorder.trial_ended(10 * (i + 1), 0.5 * (i + 1), score, f"trial {i}")
    found = recorder.trace
    assert [(i.steps, i.score, i.key) for i in found.incumbents] == [(20, 3.0, "trial 1"), (60, 5.0, "trial 5")]
    assert (found.n_trials, found.steps, found.seconds, found.search.name) == (6, 60, 3.0, "tpe-1")


def test_those_that_stood_shortest_are_left_out_but_for_the_first_and_the_last() -> None:
    thinned = trace(1, 2, 10, 13, 60).thinned(3)
    assert [incumbent.steps for incumbent in thinned.incumbents] == [1, 13, 60]
    assert [incumbent.steps for incumbent in trace(1, 2, 3).thinned(2).incumbents] == [1, 3]
    assert trace(1, 2, 3).thinned(3) == trace(1, 2, 3)
    assert n_left_out([trace(1, 2, 10, 13, 60), trace(1)], 3) == 2
