"""Whether the worker of a trial still lives: Optuna's heartbeats, on every storage.

Optuna's databases record a heartbeat for each running trial, and compare it with the database's own clock. That one
may jump, and a laptop that wakes up finds all heartbeats old: a worker is taken for dead once its heartbeat has been
too old for :data:`CONFIRMATION_S` of the monotonic clock of whoever looks, in which a living one records the next.
Journals (files, Redis) and the gRPC proxy have none; there a running trial counts upwards in an attribute, and whoever
sees the same count for :data:`GRACE_PERIOD_S` of *its own* monotonic clock takes the worker for dead: no two clocks are
compared. On the same machine a process that is gone is known at once.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages._heartbeat import BaseHeartbeat, is_heartbeat_enabled
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from sb3_hpo.reconnecting import RECONNECT_S, ReconnectingStorage, is_lost_connection
from sb3_hpo.trial_attributes import FAILURE, WORKER, WorkerDiedError
from sb3_hpo.worker_identity import is_known_dead

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

HEARTBEAT_INTERVAL_S = 20
"""Seconds between two heartbeats of a running trial."""

GRACE_PERIOD_S = 180
"""Seconds without a heartbeat after which the worker of a trial is taken for dead.

Longer than a database may be away (:data:`sb3_hpo.reconnecting.RECONNECT_S`): no heartbeat is recorded meanwhile.
"""

CONFIRMATION_S = 2 * HEARTBEAT_INTERVAL_S
"""Seconds for which a heartbeat in a database must be seen to be too old."""

HEARTBEAT = "sb3_hpo:heartbeat"
"""System attribute of a running trial, where the storage has no heartbeats of its own: how many there were."""

if GRACE_PERIOD_S < RECONNECT_S + 2 * HEARTBEAT_INTERVAL_S:
    raise ValueError("a database that restarts must not make its workers look dead")


class HeartbeatStorage(ReconnectingStorage, BaseHeartbeat):
    """A reconnecting storage that tells which running trials have lost their worker.

    ``Study.optimize`` records heartbeats with it, and before each trial fails those that are stale and calls
    :attr:`on_stale_trial` for each; ``optuna.storages.fail_stale_trials`` does so at any time.

    :param storage: the storage that keeps the studies
    """

    def __init__(self, storage: BaseStorage) -> None:
        super().__init__(storage)
        self._looks: defaultdict[int, _Looks] = defaultdict(_Looks)
        self._counts: dict[int, int] = {}
        self.on_stale_trial: Callable[[optuna.Study, FrozenTrial], None] | None = None

    def record_heartbeat(self, trial_id: int) -> None:
        """Tell that a trial's worker lives. Whatever hinders it is told by what the worker does next."""
        try:
            beats = self._beats_in_database()
            if beats is not None:
                self._call(beats.record_heartbeat, trial_id)
            else:
                self._counts[trial_id] = self._counts.get(trial_id, 0) + 1
                self.set_trial_system_attr(trial_id, HEARTBEAT, self._counts[trial_id])
        except (UpdateFinishedTrialError, StorageInternalError, SQLAlchemyError, OSError):
            pass  # The trial has ended; the connection is lost for good; the disk is full.
        except Exception as error:
            if not is_lost_connection(error):
                raise

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        stale: dict[int, str] = {}
        looks = self._looks[study_id]
        beats = self._beats_in_database()
        if beats is not None:
            too_old = self._call(beats._get_stale_trial_ids, study_id)
            stale = dict.fromkeys(looks.confirm(too_old), f"no heartbeat for {GRACE_PERIOD_S} s")
        running = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        for trial in running:
            reason = self._reason(trial, looks)
            if reason:
                stale[trial._trial_id] = reason
        looks.forget_all_but({trial._trial_id for trial in running})
        return [trial_id for trial_id, reason in stale.items() if self._note(trial_id, reason)]

    def get_heartbeat_interval(self) -> int:
        """Seconds between two heartbeats."""
        return HEARTBEAT_INTERVAL_S

    def get_heartbeat_stale_trial_callback(self) -> Callable[[optuna.Study, FrozenTrial], None] | None:
        """What is called for each trial that lost its worker, once it failed."""
        return self.on_stale_trial

    def _beats_in_database(self) -> BaseHeartbeat | None:
        inner = self._inner
        return inner if isinstance(inner, BaseHeartbeat) and is_heartbeat_enabled(inner) else None

    def _reason(self, trial: FrozenTrial, looks: _Looks) -> str:
        """Why a running trial's worker is dead, as far as this process knows; empty if it may live."""
        if is_known_dead(trial.user_attrs.get(WORKER)):
            return "its process is gone"
        if self._beats_in_database() is not None and WORKER in trial.user_attrs:
            return ""
        # Without heartbeats in the database, or killed before the first one.
        sign: Any = (trial.system_attrs.get(HEARTBEAT), WORKER in trial.user_attrs)
        unchanged_for = looks.seconds_unchanged(trial._trial_id, sign)
        return f"no sign of it for {GRACE_PERIOD_S} s" if unchanged_for > GRACE_PERIOD_S else ""

    def _note(self, trial_id: int, reason: str) -> bool:
        """Write down why a trial fails while it can still be written; False if it has ended meanwhile."""
        with contextlib.suppress(UpdateFinishedTrialError):
            self.set_trial_user_attr(trial_id, FAILURE, f"{WorkerDiedError.__name__}: {reason}")
            return True
        return False


class _Looks:
    """What one process saw of the running trials of a study, on its own monotonic clock."""

    def __init__(self) -> None:
        self._signs: dict[int, tuple[object, float]] = {}
        self._too_old_since: dict[int, float] = {}

    def confirm(self, too_old: list[int]) -> list[int]:
        """Those of the trials with too old a heartbeat that had one at every look for long enough."""
        now = time.monotonic()
        self._too_old_since = {trial_id: self._too_old_since.get(trial_id, now) for trial_id in too_old}
        return [trial_id for trial_id, since in self._too_old_since.items() if now - since >= CONFIRMATION_S]

    def seconds_unchanged(self, trial_id: int, sign: object) -> float:
        """For how long a trial has shown the same sign of life."""
        now = time.monotonic()
        if self._signs.get(trial_id, (None, now))[0] != sign:
            self._signs[trial_id] = (sign, now)
        return now - self._signs[trial_id][1]

    def forget_all_but(self, trial_ids: Container[int]) -> None:
        """Keep what is known of these trials."""
        self._signs = {trial_id: seen for trial_id, seen in self._signs.items() if trial_id in trial_ids}
