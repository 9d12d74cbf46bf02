"""Tuning strategies that can be replayed: what the project does, what the stock zoo does, and what might be better."""

from __future__ import annotations

import dataclasses
from typing import Any

from sb3_hpo.settings import TuningSettings

OPTUNAS_CANDIDATES = 24
"""``n_ei_candidates`` that Optuna's TPE has where nobody asks for another number; the project does."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """How to spend a budget.

    :param settings: sampler, pruner, evaluations, tuning seeds, score, startup trials and finalists
    :param checkpoints_from: share of a training from which on a paused one can go on; below, it begins anew
    :param share: share of the budget kept for the choice of the winner; None for what its trainings take, no more than
        the project keeps
    :param chooses: ``best`` for the best score of the search, ``select`` for the project's finalists on selection
        seeds, ``allot`` for finalists that get further seeds one by one, where they decide most
    :param known: which configuration is tuned from, by the share of those that are worse: it is the first trial; None
        for none. Each tuning draws it within 0.05 of that
    :param begins_around_known: whether the sampler, too, is told of it
    :param has_random_seeds: whether every training has a seed of its own, as in the stock zoo
    """

    settings: TuningSettings
    checkpoints_from: float = 0.0
    share: float | None = None
    chooses: str = "select"
    known: float | None = None
    begins_around_known: bool = True
    has_random_seeds: bool = False

    @property
    def promotes(self) -> bool:
        """Whether a training pauses at a rung and goes on when it is promoted."""
        return self.settings.pruner == "promote"


def _ours(**settings: Any) -> Policy:
    return Policy(TuningSettings(**settings))


def _halving(**settings: Any) -> Policy:
    """The defaults of the first version: what halving stops is lost."""
    return _ours(**{"pruner": "halving", **settings})


def _stock(**settings: Any) -> Policy:
    """The zoo's rules (rl_zoo3, exp_manager.py): TPE, median pruner, a random seed, the best last mean return."""
    sampler_kwargs = {"n_ei_candidates": OPTUNAS_CANDIDATES}
    rules: dict[str, Any] = {"sampler": "tpe", "sampler_kwargs": sampler_kwargs, "pruner": "median", "score": "last"}
    fixed = TuningSettings(**rules, max_seeds=1, **settings)
    return Policy(fixed, chooses="best", has_random_seeds=True)


def _promoting(settings: dict[str, Any] | None = None, **options: Any) -> Policy:
    return Policy(TuningSettings(**(settings or {})), **options)


def _promoting_by_thirds(sampler: str) -> Policy:
    settings = {"sampler": sampler, "pruner_kwargs": {"reduction_factor": 3}}
    return _promoting(settings, share=0.0, chooses="best")


POLICIES: dict[str, Policy] = {
    "default": _ours(),
    "stock": _stock(n_evaluations=1),
    "stock-10-evaluations": _stock(n_evaluations=10),
    "random": _halving(sampler="random", pruner="none"),
    "random-halving": _halving(sampler="random"),
    "three-seeds": _halving(n_seeds=3),
    "hyperband": _halving(pruner="hyperband"),
    "median": _halving(pruner="median"),
    "qmc-halving": _halving(sampler="qmc"),
    "gp-halving": _halving(sampler="gp"),
    "halving-first-10": _halving(pruner_kwargs={"min_resource": 10}),
    "halving-first-5-factor-2": _halving(pruner_kwargs={"min_resource": 5, "reduction_factor": 2}),
    "halving": _halving(),
    "halving-best": dataclasses.replace(_halving(), chooses="best"),
    "promote-thirds-random": _promoting_by_thirds("random"),
    "promote-thirds-tpe": _promoting_by_thirds("tpe"),
    "promote-random": _promoting({"sampler": "random"}),
    "promote-qmc": _promoting({"sampler": "qmc"}),
    "promote-none-random": _promoting({"sampler_kwargs": {"random_fraction": 0.0}}),
    "promote-half-random": _promoting({"sampler_kwargs": {"random_fraction": 0.5}}),
    "promote-candidates-24": _promoting({"sampler_kwargs": {"n_ei_candidates": OPTUNAS_CANDIDATES}}),
    "promote-candidates-1": _promoting({"sampler_kwargs": {"n_ei_candidates": 1}}),
    "promote-without-checkpoints": _promoting(checkpoints_from=1.0),
    "promote-checkpoints-from-20": _promoting(checkpoints_from=0.2),
    "promote-best": _promoting(share=0.0, chooses="best"),
    "promote-allot": _promoting(chooses="allot"),
    "promote-share-20": _promoting(share=0.2),
    "promote-share-50": _promoting(share=0.5),
    "promote-finalists-2": _promoting({"n_finalists": 2}),
    "promote-finalists-3": _promoting({"n_finalists": 3}),
    "promote-first-10": _promoting({"pruner_kwargs": {"first_rung": 0.1}}),
    "promote-first-20": _promoting({"pruner_kwargs": {"first_rung": 0.2}}),
    "promote-thirds": _promoting({"pruner_kwargs": {"reduction_factor": 3}}),
    "promote-50-evaluations": _promoting({"n_evaluations": 50}),
    "promote-one-seed": _promoting({"max_seeds": 1}),
    "promote-startup-10": _promoting({"n_startup_trials": 10}),
    "promote-startup-20": _promoting({"n_startup_trials": 20}),
    "promote-startup-30": _promoting({"n_startup_trials": 30}),
    "promote-startup-60": _promoting({"n_startup_trials": 60}),
    "known-75": _promoting(known=0.75),
    "known-75-ignored": _promoting(known=0.75, begins_around_known=False),
    "known-95": _promoting(known=0.95),
    "known-95-ignored": _promoting(known=0.95, begins_around_known=False),
    "promote-score-last": _promoting({"score": "last"}),
    "promote-score-auc": _promoting({"score": "auc"}),
}
"""Name -> policy. ``default`` is what the project does."""
