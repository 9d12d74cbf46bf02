"""What a command that tunes asks of its study, kept in the study: whoever joins it works by the same rules."""

from __future__ import annotations

import dataclasses
import enum
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sb3_hpo.errors import UserError
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    import optuna

NEWEST = "command"
"""Study attribute: key of the command that began last."""

_OF_THE_MACHINE = (
    "storage",
    "study_name",
    "log_folder",
    "optimization_log_path",
    "yes",
    "n_jobs",
    "cluster",
    "warm_start_from",
    "tensorboard_log",
    "dashboard",
)
"""Settings that are the business of each machine alone. The storage's URL may hold a password."""

_DEADLINE_SLACK_S = 60.0
"""Seconds that a worker grants a command after its time, for clocks that differ."""


class Phase(enum.IntEnum):
    """How far a command is; it never goes back."""

    SEARCH = 0
    CLOSING = 1
    """Of the search: time is left only for trials that are trained to the end."""
    VALIDATION = 2
    END = 3


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that tunes, as its study knows it.

    :param key: its name, other than that of every other command
    :param settings: what it asks for, without what concerns its own machine only
    """

    key: str
    settings: TuningSettings

    @classmethod
    def begin(cls, study: optuna.Study, settings: TuningSettings, phase: Phase = Phase.SEARCH) -> Command:
        """Make it known in the study; workers that join from now on work for it.

        :param phase: how far it is; with :attr:`Phase.END` nobody joins, and the study only says how it is searched
        """
        command = cls(uuid.uuid4().hex[:12], settings)
        stored = {k: v for k, v in dataclasses.asdict(settings).items() if k not in _OF_THE_MACHINE}
        ends_at = None if settings.timeout is None else time.time() + settings.timeout
        study.set_user_attr(_attribute(command.key), {"settings": stored, "ends_at": ends_at})
        command.enter(study, phase)
        study.set_user_attr(NEWEST, command.key)
        return command

    @classmethod
    def newest(cls, study: optuna.Study, log_folder: str) -> Command:
        """The one that began last, with the settings of the machine that this runs on.

        :raises UserError: if there is none that this version understands
        """
        attributes = study.user_attrs
        key = attributes.get(NEWEST)
        stored = attributes.get(_attribute(str(key)))
        if not isinstance(stored, Mapping) or not isinstance(stored.get("settings"), Mapping):
            raise UserError(
                f"study {study.study_name!r} has no command to work for: start sb3-hpo tune on it, with the same "
                "--storage and --study-name"
            )
        origin = f"study {study.study_name!r}"
        return cls(
            str(key), TuningSettings.from_mappings((origin, stored["settings"]), ("", {"log_folder": log_folder}))
        )

    def enter(self, study: optuna.Study, phase: Phase) -> None:
        """Tell all workers of the command how far it is."""
        study.set_user_attr(_phase_attribute(self.key), int(phase))

    def seconds_left(self, attributes: Mapping[str, Any]) -> float | None:
        """Seconds after which it has ended even if it could not say so; None without a limit.

        Asked once, when a worker joins: from then on its own steady clock counts, which nobody sets.
        """
        ends_at = (attributes.get(_attribute(self.key)) or {}).get("ends_at")
        return None if ends_at is None else max(0.0, ends_at + _DEADLINE_SLACK_S - time.time())

    def is_stopped(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a study callback has asked for the end of its search, by the study's attributes."""
        return is_stopped(attributes, self.key)

    def phase(self, attributes: Mapping[str, Any]) -> Phase:
        """How far it is, by the study's attributes."""
        return Phase(attributes.get(_phase_attribute(self.key), Phase.END))


def stop(study: optuna.Study, key: str) -> None:
    """Ask for the end of a command's search, whoever works for it.

    :param key: of the command
    """
    study.set_user_attr(_stop_attribute(key), value=True)


def is_stopped(attributes: Mapping[str, Any], key: str) -> bool:
    """Whether the end of a command's search was asked for.

    :param attributes: of the study
    :param key: of the command
    """
    return bool(attributes.get(_stop_attribute(key), False))


def _attribute(key: str) -> str:
    return f"command:{key}"


def _phase_attribute(key: str) -> str:
    return f"phase:{key}"


def _stop_attribute(key: str) -> str:
    return f"stop:{key}"
