"""Whole studies and trials out of the rows that can be read in a damaged SQLite file.

A finished trial is kept as finished only if all its rows are there: the row of a lost value or parameter leaves no
other trace than its key, which an index keeps apart from the table, or a gap among the keys of its table. Every other
trial that was begun fails with :data:`~sb3_hpo.damage.LOST`, and keeps its number, so that the numbers of the others
stay what they were.
"""

from __future__ import annotations

import bisect
import dataclasses
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import sqlalchemy
from optuna.storages._rdb.models import BaseModel

from sb3_hpo.damage import FAILURE, LOST, Contents
from sb3_hpo.sqlite_rows import Readable, Row, indexed_keys, indexed_names, open_read_only, readable_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

HEARTBEATS = "trial_heartbeats"
"""Table that says nothing about a trial that has ended."""

FINISHED = ("COMPLETE", "PRUNED")
STUDIES, TRIALS, VALUES, ATTRIBUTES = "studies", "trials", "trial_values", "trial_user_attributes"
_VERSIONS = ("version_info", "alembic_version")
"""Tables that Optuna fills itself."""


@dataclasses.dataclass(frozen=True)
class Recovered:
    """Rows by the name of their table, as they fit together."""

    rows: Mapping[str, list[Row]]

    @property
    def contents(self) -> Contents:
        """How many studies and finished trials there are."""
        finished = sum(row["state"] in FINISHED for row in self.rows.get(TRIALS, []))
        return Contents(len(self.rows.get(STUDIES, [])), finished)


def recover(path: Path, timeout: float) -> Recovered:
    """What can be read of the studies in a damaged file, which is only read.

    :param timeout: seconds to wait for a process that is writing
    """
    try:
        with closing(open_read_only(path, timeout)) as connection:
            # Without it SQLite refuses to read anything of a file that was cut off.
            connection.execute("PRAGMA writable_schema = ON")
            connection.text_factory = bytes
            return _Recovery(connection, path.stat().st_size).run()
    except sqlite3.DatabaseError:
        return Recovered({})


class _Recovery:
    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        self._connection = connection
        self._size = size
        self._tables: dict[str, sqlalchemy.Table] = {
            table.name: table for table in BaseModel.metadata.sorted_tables if table.name not in _VERSIONS
        }
        self._suspects: set[int] = set()

    def run(self) -> Recovered:
        rows = {name: self._readable(name) for name in self._tables}
        owners, is_whole = indexed_keys(self._connection, self._tables[TRIALS], "study_id", self._size)
        found = rows[TRIALS].rows
        if is_whole and found.keys() <= owners.keys():
            found = {key: row for key, row in found.items() if owners[key] == row["study_id"]}
        studies = self._studies(rows[STUDIES].rows, {row["study_id"] for row in found.values()})
        trials = self._trials(found, studies, owners)
        kept: dict[str, dict[int, Row]] = {STUDIES: studies, TRIALS: trials}
        for name, readable in rows.items():
            if name not in kept:
                kept[name] = self._children(name, readable, {STUDIES: studies, TRIALS: trials})
        _add_directions(studies, kept["study_directions"])
        self._fail_what_is_not_whole(kept)
        return Recovered({name: [row for _, row in sorted(found.items())] for name, found in kept.items()})

    def _readable(self, name: str) -> Readable:
        return readable_rows(self._connection, self._tables[name], self._size)

    def _studies(self, rows: dict[int, Row], named: Iterable[object]) -> dict[int, Row]:
        """Studies, those too whose row is lost: an index may still have the name, and the trials say that they are."""
        studies = {int(str(study)): f"recovered-{study}" for study in named}
        studies |= {key: str(row["study_name"]) for key, row in rows.items()}
        for key, name in indexed_names(self._connection, self._tables[STUDIES], "study_name").items():
            if key not in rows and name not in studies.values():
                studies[key] = name
        return {key: {"study_id": key, "study_name": name} for key, name in studies.items()}

    def _trials(self, rows: dict[int, Row], studies: Iterable[int], owners: Mapping[int, int]) -> dict[int, Row]:
        """Trials whose numbers follow one another in each study, with failed ones in the place of lost ones.

        :param owners: the study of each trial, as far as an index has it
        """
        kept: dict[int, Row] = {}
        for study_id in studies:
            number, last = 0, 0
            mine = {key for key, row in rows.items() if row["study_id"] == study_id}
            lost = {key for key, owner in owners.items() if owner == study_id and key not in rows}
            for trial_id in sorted(mine | lost):
                row = rows.get(trial_id) or _lost_trial(trial_id, study_id, number)
                n_lost = (-1 if row["number"] is None else row["number"]) - number
                free = [key for key in range(last + 1, trial_id) if key not in rows and key not in kept]
                if not 0 <= n_lost <= len(free):
                    continue  # A number that cannot be: it is noise.
                lost_here = free[len(free) - n_lost :]
                kept |= {key: _lost_trial(key, study_id, number + index) for index, key in enumerate(lost_here)}
                kept[trial_id] = row
                self._suspects.update(lost_here, {trial_id} - mine)
                number, last = row["number"] + 1, trial_id
        return kept

    def _children(self, name: str, readable: Readable, parents: Mapping[str, dict[int, Row]]) -> dict[int, Row]:
        """Rows that have their parent. Trials that may have lost some, or have those of others, become suspects."""
        key = next(iter(self._tables[name].foreign_keys))
        column, parent = str(key.parent.name), key.column.table.name
        rows = {row_key: row for row_key, row in readable.rows.items() if row[column] in parents[parent]}
        rows = _without_repeats(rows, self._tables[name])
        if parent == TRIALS:
            owners, is_whole = indexed_keys(self._connection, self._tables[name], column, self._size)
            self._suspects |= {owner for row_key, owner in owners.items() if row_key not in rows}
            contradicted = [row_key for row_key, row in rows.items() if owners.get(row_key, row[column]) != row[column]]
            self._suspects |= {rows[row_key][column] for row_key in contradicted}
            self._suspects |= {owners[row_key] for row_key in contradicted}
            if not rows and readable.end_is_lost and name != HEARTBEATS:
                # The root of the table is lost, and with it how many rows there were.
                self._suspects |= parents[TRIALS].keys()
            if not is_whole or rows.keys() - owners.keys():
                explained = rows.keys() | owners.keys()
                self._suspects |= _around_gaps(rows, column, explained, parents[TRIALS], readable.end_is_lost)
        return rows

    def _fail_what_is_not_whole(self, kept: dict[str, dict[int, Row]]) -> None:
        valued = {row["trial_id"] for row in kept[VALUES].values()}
        failed = set()
        for trial_id, row in kept[TRIALS].items():
            is_whole = trial_id not in self._suspects and (row["state"] != "COMPLETE" or trial_id in valued)
            # Nobody runs a trial of the new file.
            if row["state"] == "RUNNING" or (row["state"] != "FAIL" and not is_whole):
                failed.add(trial_id)
                row.update(state="FAIL", datetime_complete=row["datetime_complete"] or row["datetime_start"])
        kept[VALUES] = {key: row for key, row in kept[VALUES].items() if row["trial_id"] not in failed}
        reasoned = {row["trial_id"] for row in kept[ATTRIBUTES].values() if row["key"] == FAILURE}
        failed |= {key for key, row in kept[TRIALS].items() if key in self._suspects and row["state"] == "FAIL"}
        _add_reason(sorted(failed - reasoned), kept[ATTRIBUTES])


def _lost_trial(trial_id: int, study_id: int, number: int) -> Row:
    return {
        "trial_id": trial_id,
        "number": number,
        "study_id": study_id,
        "state": "FAIL",
        "datetime_start": None,
        "datetime_complete": None,
    }


def _add_reason(trial_ids: Iterable[int], attributes: dict[int, Row]) -> None:
    key = "trial_user_attribute_id"
    for number, trial_id in enumerate(trial_ids, start=max(attributes, default=0) + 1):
        attributes[number] = {key: number, "trial_id": trial_id, "key": FAILURE, "value_json": json.dumps(LOST)}


def _add_directions(studies: Mapping[int, Row], directions: dict[int, Row]) -> None:
    """Where the direction of a study is lost it is the one of every study of this package."""
    known = {row["study_id"] for row in directions.values()}
    for number, study_id in enumerate(sorted(studies.keys() - known), start=max(directions, default=0) + 1):
        directions[number] = {
            "study_direction_id": number,
            "direction": "MAXIMIZE",
            "study_id": study_id,
            "objective": 0,
        }


def _without_repeats(rows: dict[int, Row], table: sqlalchemy.Table) -> dict[int, Row]:
    """Rows without those that Optuna's own constraints forbid."""
    unique = [
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, sqlalchemy.UniqueConstraint)
    ]
    seen: set[tuple[Any, ...]] = set()
    kept = {}
    for key, row in sorted(rows.items()):
        marks = [(index, *(row[name] for name in names)) for index, names in enumerate(unique)]
        if not seen.intersection(marks):
            seen.update(marks)
            kept[key] = row
    return kept


def _around_gaps(
    rows: Mapping[int, Row],
    column: str,
    explained: Iterable[int],
    trials: Mapping[int, Row],
    end_is_lost: bool,
) -> set[int]:
    """Trials that may have had a row whose key is missing: those that ran when it was written.

    :param explained: keys of which it is known whose they are
    :param end_is_lost: whether rows may be missing after the last one
    """
    keys, known = sorted(rows), sorted(explained)
    suspects: set[int] = set()
    for before, after in zip([0, *keys], keys, strict=False):
        n_explained = bisect.bisect_left(known, after) - bisect.bisect_right(known, before)
        if n_explained < after - before - 1:
            suspects |= _running_between(rows.get(before), rows[after], column, trials)
    if end_is_lost:
        suspects |= _running_between(rows[keys[-1]] if keys else None, None, column, trials)
    return suspects


def _start(trial_id: int, trials: Mapping[int, Row]) -> str:
    """When a trial began at the earliest: where that is lost, when the one before it began."""
    for key in range(trial_id, 0, -1):
        if key in trials and trials[key]["datetime_start"]:
            return str(trials[key]["datetime_start"])
    return ""


def _running_between(first: Row | None, last: Row | None, column: str, trials: Mapping[int, Row]) -> set[int]:
    """Trials that ran at some time between the writing of two rows; None for one that is not known."""
    low = None if first is None else trials[first[column]]
    high = None if last is None else trials[last[column]]
    start = "" if low is None else _start(low["trial_id"], trials)
    end = None if high is None else high["datetime_complete"]
    lowest = 0 if low is None else min(low["trial_id"], high["trial_id"] if high else low["trial_id"])
    highest = max(trials, default=0) if high is None else max(high["trial_id"], lowest)
    return {
        key
        for key, row in trials.items()
        if lowest <= key <= highest
        or (
            (row["datetime_complete"] is None or row["datetime_complete"] >= start)
            and (end is None or (row["datetime_start"] or "") <= end)
        )
    }
