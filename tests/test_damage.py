"""Storage files cut off anywhere, and with noise anywhere."""

from __future__ import annotations

import functools
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from sb3_hpo import damage
from sb3_hpo.errors import UserError
from sb3_hpo.storage import open_storage
from sb3_hpo.trial_attributes import FAILURE, was_interrupted

KINDS = [".db", ".log"]
STUDIES = ("s", "s-validation")
ANYWHERE = settings(max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def opened(file: Path) -> optuna.storages.BaseStorage:
    """A storage file, opened by Optuna itself."""
    return RDBStorage(f"sqlite:///{file}") if file.suffix == ".db" else JournalStorage(JournalFileBackend(str(file)))


def location(file: Path) -> str:
    return f"sqlite:///{file}" if file.suffix == ".db" else str(file)


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    trial.suggest_categorical("y", [1, "a", None])
    trial.set_user_attr("hyperparams", {"x": x, "policy_kwargs": "dict()" * 20})
    for step in range(4):
        trial.report(x * step, step)
    trial.set_user_attr("runs", [{"seed": 1, "returns": [[1.0, float("inf")] * 10] * 4}])
    if trial.number % 5 == 3:
        raise optuna.TrialPruned
    if trial.number % 7 == 6:
        raise FloatingPointError
    return x


def trials(file: Path) -> dict[tuple[str, int], tuple]:
    """All that is stored of each finished trial."""
    storage = opened(file)
    found = {}
    for name in optuna.get_all_study_names(storage):
        in_study = optuna.load_study(study_name=name, storage=storage).trials
        assert [trial.number for trial in in_study] == list(range(len(in_study)))
        for t in in_study:
            if t.state in (TrialState.COMPLETE, TrialState.PRUNED):
                # As text, where NaN and infinity are equal to themselves.
                found[name, t.number] = (
                    repr((t.state, t.values, t.params, t.distributions, t.intermediate_values)),
                    repr((sorted(t.user_attrs.items()), t.system_attrs, t.datetime_complete)),
                )
    return found


sound_trials = functools.cache(trials)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The same studies as an SQLite file and as a journal."""
    folder = tmp_path_factory.mktemp("made")
    for kind in KINDS:
        storage = opened(folder / f"s{kind}")
        for name in STUDIES:
            sampler = optuna.samplers.RandomSampler(seed=1)
            study = optuna.create_study(storage=storage, study_name=name, direction="maximize", sampler=sampler)
            study.set_user_attr("sb3_hpo", {"algo": "dqn"})
            study.enqueue_trial({"x": 0.5}, user_attrs={"origin": "default configuration"})
            study.optimize(objective, n_trials=9, catch=(FloatingPointError,))
            study.ask()
    return folder


def refusal(file: Path) -> str | None:
    """Why a file is not opened; None where it is."""
    try:
        open_storage(location(file))
    except UserError as error:
        return str(error)
    return None


def check(made: Path, folder: Path, kind: str, content: bytes) -> dict[tuple[str, int], tuple]:
    """Open a damaged file: one line at most, nothing changed, and what is saved is as it was."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file, sound = folder / f"s{kind}", sound_trials(made / f"s{kind}")
    file.write_bytes(content)
    message = refusal(file)
    # An empty file is a new one.
    assert file.read_bytes() == content or not content
    if message is None:
        assert {path.name for path in folder.iterdir()} == {file.name}
        assert trials(file) == sound or not content
        return sound
    assert "is damaged: " in message
    assert "\n" not in message
    recovered = folder / f"s.recovered{kind}"
    if not recovered.exists():
        return {}
    found = trials(recovered)
    named = {key: value for key, value in found.items() if key[0] in STUDIES}
    assert named.items() <= sound.items()
    assert set(found.values()) <= set(sound.values())
    storage = opened(recovered)
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        assert not study.get_trials(states=(TrialState.RUNNING,))
        n_trials, is_waiting = len(study.trials), study.get_trials(states=(TrialState.WAITING,))
        assert study.ask().number == n_trials or is_waiting
    return found


@pytest.mark.parametrize("kind", KINDS)
@ANYWHERE
@given(where=st.floats(0, 1))
def test_file_cut_off_anywhere(made: Path, tmp_path_factory, kind: str, where: float) -> None:
    content = (made / f"s{kind}").read_bytes()
    check(made, tmp_path_factory.getbasetemp() / "cut", kind, content[: int(where * len(content))])


@pytest.mark.parametrize("kind", KINDS)
@ANYWHERE
@given(where=st.floats(0, 1), length=st.integers(32, 10_000), seed=st.one_of(st.none(), st.integers(0, 1_000)))
# All keys of the values become others, and their index is lost: nothing fails, and no value is there.
@example(where=0.5797, length=4096, seed=504)
def test_noise_anywhere(made: Path, tmp_path_factory, kind: str, where: float, length: int, seed: int | None) -> None:
    content = bytearray((made / f"s{kind}").read_bytes())
    start = int(where * len(content))
    length = min(length, len(content) - start)
    content[start : start + length] = bytes(length) if seed is None else random.Random(seed).randbytes(length)
    check(made, tmp_path_factory.getbasetemp() / "noise", kind, bytes(content))


def without_indexes(made: Path, folder: Path, change: str, table: str) -> bytes:
    """An SQLite file in which something was changed, with noughts in the place of the indexes of a table."""
    file = shutil.copy(made / "s.db", folder / "s.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(change)
        query = "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        pages = [page for (page,) in connection.execute(query, [table])]
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(file.read_bytes())
    assert pages
    for page in pages:
        content[(page - 1) * size : page * size] = bytes(size)
    return bytes(content)


def test_values_under_other_keys_cost_their_trials(made: Path, tmp_path: Path) -> None:
    """Nothing is found where values are looked for, and nothing fails; nor does an index say that there were any."""
    change = "UPDATE trial_values SET trial_value_id = trial_value_id + 1000000"
    content = without_indexes(made, tmp_path, change, "trial_values")
    assert check(made, tmp_path / "damaged", ".db", content) == {}


def test_nothing_is_lost_where_keys_are_large_because_studies_were_deleted(made: Path, tmp_path: Path) -> None:
    change = "UPDATE trial_values SET trial_value_id = trial_value_id + 50000"
    content = without_indexes(made, tmp_path, change, "trial_user_attributes")
    assert check(made, tmp_path / "damaged", ".db", content) == sound_trials(made / "s.db")


def test_trials_behind_a_lost_page_are_kept(made: Path, tmp_path: Path) -> None:
    content, size, table_leaf = bytearray((made / "s.db").read_bytes()), 4096, 13
    pages = [content[start : start + size] for start in range(0, len(content), size)]
    lost = next(n for n, page in enumerate(pages) if page[0] == table_leaf and b"hyperparams" in page)
    content[lost * size : (lost + 1) * size] = bytes(size)
    found, sound = check(made, tmp_path / "damaged", ".db", bytes(content)), sound_trials(made / "s.db")
    assert list(sound)[-1] in found
    assert len(sound) / 2 < len(found) < len(sound)


def test_only_the_trials_of_a_lost_line_are_lost(made: Path, tmp_path: Path) -> None:
    lines = (made / "s.log").read_bytes().splitlines(keepends=True)
    sound = trials(made / "s.log")
    for number in range(2, len(lines), 19):
        content = b"".join([*lines[:number], b"\xff" * (len(lines[number]) - 1) + b"\n", *lines[number + 1 :]])
        found = check(made, tmp_path / str(number), ".log", content)
        assert len(found) >= len(sound) - 1


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (".log", r"line \d+ was cut off after 20 bytes"),
        (".db", r"it was cut off after [\d,]+ of [\d,]+ bytes, in page \d+"),
    ],
)
def test_message_names_file_place_count_copy_and_option(made: Path, tmp_path: Path, kind: str, what: str) -> None:
    content = (made / f"s{kind}").read_bytes()
    end = content.rindex(b"\n", 0, len(content) - 1) + 21 if kind == ".log" else len(content) - 100
    file = tmp_path / f"s{kind}"
    file.write_bytes(content[:end])
    (tmp_path / f"s.recovered{kind}").write_text("mine")
    n_finished = len(trials(made / f"s{kind}"))
    saved = str(tmp_path / f"s.recovered-2{kind}")
    with pytest.raises(UserError, match=f"^storage {str(file)!r} is damaged: {what}; it is left as it is") as caught:
        open_storage(location(file))
    n_saved = len(trials(Path(saved)))
    assert f"2 studies with {n_saved} finished trials could be read and saved in {saved!r}" in str(caught.value)
    assert str(caught.value).endswith(f"go on with --storage {location(Path(saved))}")
    assert (tmp_path / f"s.recovered{kind}").read_text() == "mine"
    assert n_finished - 2 <= n_saved <= n_finished


@pytest.mark.parametrize("kind", KINDS)
def test_file_with_nothing_to_read_is_not_saved(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"notes{kind}"
    file.write_text("my notes\n" * 20)
    with pytest.raises(UserError, match="nothing in it could be read"):
        open_storage(location(file))
    assert file.read_text() == "my notes\n" * 20
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", KINDS)
def test_folder_that_cannot_be_written_gets_a_message_only(made: Path, tmp_path: Path, monkeypatch, kind: str) -> None:
    file = tmp_path / f"s{kind}"
    file.write_bytes((made / f"s{kind}").read_bytes()[:-50])
    opens = Path.open

    def read_only(self: Path, mode: str = "r", *args, **kwargs):
        if "x" in mode:
            raise PermissionError(13, "Permission denied", str(self))
        return opens(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(UserError, match=r"could not be saved beside it \(Permission denied\)"):
        open_storage(location(file), create=False)
    assert list(tmp_path.iterdir()) == [file]


def test_lost_trials_fail_for_a_reason_outside_them(made: Path, tmp_path: Path) -> None:
    """The name of the attribute and the reason are those of the search, which the storage's modules cannot import."""
    assert damage.FAILURE == FAILURE
    file = tmp_path / "s.log"
    file.write_bytes((made / "s.log").read_bytes()[:-5])
    with pytest.raises(UserError):
        open_storage(str(file))
    last = optuna.load_study(study_name="s", storage=opened(tmp_path / "s.recovered.log")).trials[-1]
    assert (last.state, was_interrupted(last)) == (TrialState.FAIL, True)


def test_study_whose_first_line_is_lost_gets_another_name(made: Path, tmp_path: Path) -> None:
    lines = (made / "s.log").read_bytes().splitlines(keepends=True)
    found = check(made, tmp_path / "f", ".log", b"".join([b"noise\n", *lines[1:]]))
    sound = trials(made / "s.log")
    assert {("recovered-0" if name == "s" else name, n): v for (name, n), v in sound.items()} == found


def test_row_whose_key_is_in_the_index_only_costs_its_trial_only(made: Path, tmp_path: Path) -> None:
    """The row of a parameter is lost: nothing but an index tells of it."""
    file = tmp_path / "s.db"
    shutil.copy(made / "s.db", file)
    with closing(sqlite3.connect(file)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trial_params'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(file.read_bytes())
    at = content.index(b'{"name": "FloatDistribution"', size)
    content[at : at + 8] = b"\xff" * 8
    found = check(made, tmp_path / "f", ".db", bytes(content))
    assert page
    assert len(found) == len(trials(made / "s.db")) - 1
