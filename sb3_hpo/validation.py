"""The finalists and the default, trained again on seeds that the search never saw.

First the finalists compete, on the tuning seeds, where their agents were judged in the search, and on selection seeds,
which go to those that lead. Then the best of them and the default are trained on validation seeds, which chose nothing:
what these say about the two is not bent by the choice.

Each of these trainings is a trial of a study of its own, in the same storage, so that none is done twice, by whichever
command or worker.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sb3_hpo.retries import reap
from sb3_hpo.selection import Selection
from sb3_hpo.time_to_choose import TimeToChoose
from sb3_hpo.validation_plan import ValidationPlan
from sb3_hpo.validation_summary import summarize
from sb3_hpo.validation_trainings import Trainings, open_validation_study, train_and_evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.storages import BaseStorage

    from sb3_hpo.candidates import Candidate, Validation
    from sb3_hpo.interruption import Deadline, StopSignal
    from sb3_hpo.task import Task
    from sb3_hpo.training_queue import Trained
    from sb3_hpo.workforce import Workforce


@dataclasses.dataclass(frozen=True)
class Validator:
    """Trains the candidates of a study again.

    :param storage: where the study is, and its validation is kept
    :param n_episodes: deterministic episodes that judge one trained agent
    :param on_run: called after every training with its candidate and score
    :param on_failure: called after a training that failed with its candidate and the reason
    :param train: what trains; None for :func:`train_and_evaluate`. A benchmark puts a table of scores in its place
    :param workforce: who trains; None for this process
    :param max_retries: how often a training whose worker died is tried again
    """

    storage: BaseStorage
    study_name: str
    task: Task
    n_episodes: int
    on_run: Callable[[Candidate, float], None] = lambda candidate, score: None
    on_failure: Callable[[Candidate, str], None] = lambda candidate, reason: None
    train: Callable[..., Trained] | None = None
    workforce: Workforce | None = None
    max_retries: int = 1

    def validate(
        self,
        candidates: Sequence[Candidate],
        seeds: Sequence[int],
        selection_seeds: Sequence[int],
        stop: StopSignal,
        deadline: Deadline,
        plan: ValidationPlan | None = None,
    ) -> Validation:
        """Choose the best finalist, and compare it with the default, until done or until time or a signal ends it.

        What was trained before, by this command or another one, is not trained again. What another worker is training
        is left to it as long as there is something else to train.

        A finalist of which a training fails is out, and the next best one takes its place; if the default fails there
        is nothing to compare with, and validation ends. What failed is tried again by the next command.

        :param candidates: the default, and the finalists, the most promising one first
        :param seeds: validation seeds: they judge the chosen finalist and the default
        :param selection_seeds: seeds that choose among the finalists, after the tuning seeds; they get the share of the
            time that is theirs. Without either the first finalist is chosen
        :param plan: what there is expected to be time for; None to train every finalist on all selection seeds if need
            be, and on all validation seeds. Validation seeds beyond it are trained as long as there is time
        """
        study = open_validation_study(self.storage, self.study_name)
        reap(study)  # What a command that was killed had begun is no failure of this one.
        finalists = [candidate for candidate in candidates if not candidate.is_default]
        default = next(candidate for candidate in candidates if candidate.is_default)
        plan = plan or ValidationPlan(len(finalists), len(finalists) * len(selection_seeds), len(seeds))
        trainings = Trainings(
            study,
            self.task,
            self.n_episodes,
            lambda: stop.is_pending or deadline.is_over,
            self.on_run,
            self.train or train_and_evaluate,
            self.on_failure,
            self.workforce,
            filler=[(default, seed) for seed in seeds[: plan.n_seeds]],
            max_retries=self.max_retries,
            known={(c.fingerprint, seed): score for c in finalists for seed, score in c.tuning_scores.items()},
            known_late={(c.fingerprint, seed): value for c in finalists for seed, value in c.tuning_late_means.items()},
        )
        selection = Selection(finalists)
        if seeds and len(finalists) > 1:
            planned = seeds[: plan.n_seeds]

            def judging() -> list[tuple[int, float | None]]:
                n_left = len(planned) - len(trainings.scores(default, planned))
                leader = selection.ranking[0]  # There is one as long as there is something to choose.
                return [(n_left, trainings.seconds(default)), (len(planned), trainings.seconds(leader))]

            until = TimeToChoose(deadline, plan, judging, trainings.n_workers)
            known = seeds_of_the_search(finalists)
            selection.run(trainings, known, selection_seeds, plan.n_selection_trainings, until)
        _judge(trainings, default, selection, seeds[: plan.n_seeds])
        _go_on(trainings, default, selection, seeds, plan.n_seeds, deadline)
        trainings.close()
        return summarize(trainings, default, selection, seeds)


def seeds_of_the_search(finalists: Sequence[Candidate]) -> list[int]:
    """The tuning seeds on which the search has judged agents of finalists; none where not all have the first one."""
    longest = max((list(c.tuning_scores) for c in finalists), key=len, default=[])
    return longest if all(seed in c.tuning_scores for c in finalists for seed in longest[:1]) else []


def _judge(trainings: Trainings, default: Candidate, selection: Selection, seeds: Sequence[int]) -> None:
    """Train the best finalist and the default on validation seeds; the next finalist where the best one fails."""
    while True:
        compared = [default, *selection.ranking[:1]]
        trainings.complete([(candidate, seed) for seed in seeds for candidate in compared])
        if trainings.failure(default) is not None or not selection.drop_failed(trainings):
            return


def _go_on(
    trainings: Trainings,
    default: Candidate,
    selection: Selection,
    seeds: Sequence[int],
    n_done: int,
    deadline: Deadline,
) -> None:
    """Train on further validation seeds, as many at a time as the workers can, while there is time for them.

    How many there come to be depends on the time alone, and on no score.
    """
    at_once = max(1, trainings.n_workers // 2)
    while n_done < len(seeds) and selection.ranking and trainings.failure(default) is None:
        compared = [default, selection.ranking[0]]
        left, seconds = deadline.seconds_left, [trainings.seconds(candidate) for candidate in compared]
        known = [value for value in seconds if value is not None]
        expected = max(known, default=0.0) if trainings.n_workers > 1 else sum(known)
        if left is not None and left < expected:
            return
        some = seeds[n_done : n_done + at_once]
        if not trainings.complete([(candidate, seed) for seed in some for candidate in compared]):
            return
        n_done += at_once
