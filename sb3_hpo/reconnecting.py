"""A storage that outlives a lost connection: each call is tried again until the database is back."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import StudyDirection
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial, TrialState

RECONNECT_S = 120.0
"""Seconds for which a database that went away is waited for: a restart takes a few, a failover up to a minute."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0
"""Seconds between two attempts: the first, doubled until the longest."""

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class ReconnectingStorage(BaseStorage):
    """Passes every call on to another storage; what fails because the connection is lost is tried again.

    After :data:`RECONNECT_S` without a connection the error of the last attempt is raised, and from then on each call
    is tried once.

    :param storage: the storage that keeps the studies
    """

    def __init__(self, storage: BaseStorage) -> None:
        self._inner = storage
        self._lost_since: float | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        # Whatever else a storage may have, such as the engine of a database, behind Optuna's cache or not.
        if name in ("_inner", "_backend"):
            raise AttributeError(name)
        return getattr(getattr(self._inner, "_backend", self._inner), name)

    @property
    def is_database(self) -> bool:
        """Whether a database is behind it, rather than a journal, another machine or memory."""
        return isinstance(getattr(self._inner, "_backend", self._inner), RDBStorage)

    def _call(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        pause = FIRST_PAUSE_S
        while True:
            try:
                result = method(*args, **kwargs)
            except Exception as error:
                if not is_lost_connection(error) or not self._may_wait():
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            self._found()
            return result

    def _may_wait(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if self._lost_since is None:
                self._lost_since = now
                _logger.warning("the storage does not answer: trying again for %.0f s", RECONNECT_S)
            return now - self._lost_since < RECONNECT_S

    def _found(self) -> None:
        if self._lost_since is None:
            return
        with self._lock:
            self._lost_since = None
        _logger.warning("the storage answers again")

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """See :class:`optuna.storages.BaseStorage`."""
        # Not tried again: a study that was made although the answer was lost would look like somebody else's.
        return self._inner.create_new_study(directions, study_name)

    def delete_study(self, study_id: int) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.delete_study, study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.set_study_user_attr, study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.set_study_system_attr, study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_study_id_from_name, study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_study_name_from_id, study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_study_directions, study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_study_user_attrs, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_study_system_attrs, study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_all_studies)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.create_new_trial, study_id, template_trial)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.set_trial_param, trial_id, param_name, param_value_internal, distribution)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_trial_id_from_study_id_trial_number, study_id, trial_number)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """See :class:`optuna.storages.BaseStorage`."""
        attempts = 0

        def set_state() -> bool:
            nonlocal attempts
            attempts += 1
            try:
                return self._inner.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                # An earlier attempt may have come through although its answer was lost.
                if attempts > 1 and self._inner.get_trial(trial_id).state == state:
                    return True
                raise

        return self._call(set_state)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.set_trial_intermediate_value, trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.set_trial_user_attr, trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._call(self._inner.set_trial_system_attr, trial_id, key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_trial, trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_all_trials, study_id, deepcopy, states)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """See :class:`optuna.storages.BaseStorage`."""
        return self._call(self._inner.get_best_trial, study_id)

    def remove_session(self) -> None:
        """See :class:`optuna.storages.BaseStorage`."""
        self._inner.remove_session()


def is_lost_connection(error: BaseException) -> bool:
    """Whether a call to a storage failed for a reason that passes: no connection, a restart, a lock held too long."""
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        return is_lost_connection(error.__cause__)
    if isinstance(error, sqlalchemy.exc.PendingRollbackError) and error.__context__ is not None:
        # A second query of a transaction whose connection was lost: Optuna reads trials in parts where a query failed.
        return is_lost_connection(error.__context__)
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return _is_passing(error)
    package = type(error).__module__.partition(".")[0]
    if package == "redis":
        return type(error).__name__ in ("ConnectionError", "TimeoutError", "BusyLoadingError")
    if package == "grpc":
        code = getattr(error, "code", lambda: None)()
        return getattr(code, "name", "") == "UNAVAILABLE"
    return False


def _is_passing(error: sqlalchemy.exc.DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return "locked" in str(error.orig) or "busy" in str(error.orig)
    return error.connection_invalidated or isinstance(
        error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
    )
