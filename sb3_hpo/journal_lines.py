"""The lines of a journal: which of them are operations as Optuna writes them."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.distributions import json_to_distribution
from optuna.storages.journal._storage import JournalOperation as Op
from optuna.study import StudyDirection
from optuna.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Log = dict[str, Any]

_PARTS_OF_CREATIONS = (
    (rb'\{"op_code":0,', rb',"study_name":"', rb'"directions":\['),
    (rb'\{"op_code":4,', rb'"study_id":\d+,"datetime_start":', rb',"distributions":\{'),
)
"""What only the line that creates a study, or a trial, holds. Within an attribute the quotes have backslashes."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a journal.

    :param number: its number, from 1
    :param log: the operation; None where the line is none
    :param problem: what is wrong with it; None where nothing is
    :param n_studies: studies that a line that is broken is known to have created
    :param n_trials: trials that it is known to have created
    """

    number: int
    log: Log | None
    problem: str | None = None
    n_studies: int = 0
    n_trials: int = 0


def parse(content: bytes, first: int = 1) -> list[Line]:
    """Read lines; a last one without an end is broken, whatever it holds.

    :param first: number of the first line
    """
    texts = content.split(b"\n")
    lines = [_line(first + index, text) for index, text in enumerate(texts[:-1])]
    if texts[-1]:
        lines.append(_broken(first + len(lines), texts[-1], f"was cut off after {len(texts[-1]):,} bytes"))
    return lines


def broken_line(lines: list[Line]) -> str | None:
    """Which line is the first that is broken, and why; None where none is."""
    broken = [line for line in lines if line.problem is not None]
    if not broken:
        return None
    more = f", and so are {len(broken) - 1:,} other lines" if len(broken) > 1 else ""
    return f"line {broken[0].number:,} {broken[0].problem}{more}"


def _line(number: int, text: bytes) -> Line:
    try:
        log = json.loads(text)
    except (ValueError, RecursionError):
        return _broken(number, text, "is no JSON")
    try:
        _check(log)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _broken(number, text, "is no operation of Optuna's")
    return Line(number, log)


def _broken(number: int, text: bytes, problem: str) -> Line:
    """A broken line, with what is left of the operations that it held."""
    n_studies, n_trials = (max(len(re.findall(part, text)) for part in parts) for parts in _PARTS_OF_CREATIONS)
    return Line(number, None, problem, n_studies, n_trials)


def _check(log: Log) -> None:
    """Raise what reading the fields of an operation raises where they are not as Optuna writes them."""
    _is(log["worker_id"], str)
    _CHECKS[Op(log["op_code"])](log)


def _is(value: object, *kinds: type) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{value!r} is no {kinds}")


def _numbers(values: object) -> None:
    if values is not None:
        _is(values, list)
        for value in values:  # type: ignore[attr-defined]
            _is(value, int, float)


def _study(log: Log) -> None:
    _is(log["study_name"], str)
    for direction in log["directions"]:
        StudyDirection(direction)


def _of_study(log: Log) -> None:
    _is(log["study_id"], int)
    if log["study_id"] < 0:
        raise ValueError(log["study_id"])


def _of_trial(log: Log) -> None:
    _is(log["trial_id"], int)
    if log["trial_id"] < 0:
        raise ValueError(log["trial_id"])


def _attribute(name: str, of: Callable[[Log], None]) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        of(log)
        _is(log[name], dict)
        if len(log[name]) != 1:
            raise ValueError(log[name])

    return check


def _trial(log: Log) -> None:
    _of_study(log)
    TrialState(log.get("state", TrialState.RUNNING))
    for name in ("datetime_start", "datetime_complete"):
        if log.get(name) is not None or name == "datetime_complete" in log:
            datetime.fromisoformat(log[name])
    if log["datetime_start"] is None and log.get("state", TrialState.RUNNING) == TrialState.RUNNING:
        raise ValueError("a trial runs that never started")
    distributions = {name: json_to_distribution(text) for name, text in log.get("distributions", {}).items()}
    for name, value in log.get("params", {}).items():
        distributions[name].to_external_repr(value)
    for name in ("user_attrs", "system_attrs"):
        _is(log.get(name, {}), dict)
    for step, value in log.get("intermediate_values", {}).items():
        int(step)
        _is(value, int, float)
    _numbers(log.get("values"))
    _is(log.get("value", 0) or 0, int, float)


def _param(log: Log) -> None:
    _of_trial(log)
    _is(log["param_name"], str)
    _is(log["param_value_internal"], int, float)
    json_to_distribution(log["distribution"]).to_external_repr(log["param_value_internal"])


def _state(log: Log) -> None:
    _of_trial(log)
    state = TrialState(log["state"])
    _numbers(log["values"])
    if state == TrialState.RUNNING:
        datetime.fromisoformat(log["datetime_start"])
    if state.is_finished():
        datetime.fromisoformat(log["datetime_complete"])
    if state == TrialState.COMPLETE and not log["values"]:
        raise ValueError("a complete trial has no value")


def _intermediate(log: Log) -> None:
    _of_trial(log)
    _is(log["step"], int)
    _is(log["intermediate_value"], int, float)


_CHECKS: Mapping[Op, Callable[[Log], None]] = {
    Op.CREATE_STUDY: _study,
    Op.DELETE_STUDY: _of_study,
    Op.SET_STUDY_USER_ATTR: _attribute("user_attr", _of_study),
    Op.SET_STUDY_SYSTEM_ATTR: _attribute("system_attr", _of_study),
    Op.CREATE_TRIAL: _trial,
    Op.SET_TRIAL_PARAM: _param,
    Op.SET_TRIAL_STATE_VALUES: _state,
    Op.SET_TRIAL_INTERMEDIATE_VALUE: _intermediate,
    Op.SET_TRIAL_USER_ATTR: _attribute("user_attr", _of_trial),
    Op.SET_TRIAL_SYSTEM_ATTR: _attribute("system_attr", _of_trial),
    Op.DISCARD_TRIALS: lambda log: None,
}
