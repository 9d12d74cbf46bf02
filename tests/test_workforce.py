from __future__ import annotations

from sb3_hpo.workforce import StartedWhenNeeded


class Workers:
    n_workers = 3

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def tend(self) -> None:
        self.calls.append("tend")

    def trial_finished(self) -> None:
        self.calls.append("trial finished")


def test_workers_start_once_a_training_is_waited_for() -> None:
    workers = Workers()
    workforce = StartedWhenNeeded(workers, workers.start)
    assert (workforce.n_workers, workers.calls) == (3, [])
    workforce.tend()
    workforce.tend()
    workforce.trial_finished()
    assert workers.calls == ["start", "tend", "trial finished"]
