"""A password in the URL of a storage: in no list of processes, no output, no file and no row of the study."""

from __future__ import annotations

import secrets
from pathlib import Path

import sqlalchemy

from tests import storages
from tests.fault_scene import Scene, pid_of


def test_workers_get_the_password_of_a_storage_where_nobody_sees_it(postgresql_location: str, tmp_path: Path) -> None:
    password = f"s3cret{secrets.token_hex(8)}"
    url = storages.make_url(postgresql_location).set(password=password)
    scene = Scene(storages.rendered(url), tmp_path)
    scene.slow_down()
    with scene.tune("--n-trials", "4", n_seeds=1) as command:
        scene.running(command, 2)
        with scene.worker() as worker:
            running = scene.running(command, 3)
            pids = {command.pid, worker.pid, *map(pid_of, running)}
            assert len(pids) == 5
            shown = "".join(command_line(pid) for pid in pids) + command_line_of_everything()
            scene.speed_up()
            printed = command.ends() + worker.ends()
    scene.check(4)
    assert password not in shown
    assert password not in printed
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"result.json", "best.yml"} <= {path.name for path in files}
    assert not [path for path in files if password in path.read_text(errors="replace")]
    rows = content(postgresql_location)
    assert "default configuration" in rows
    assert password not in rows


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def command_line_of_everything() -> str:
    """Also of those that these processes have started in between, such as the ones that others are forked from."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_text())
        except OSError:  # It has ended.
            continue
    return "".join(lines)


def content(location: str) -> str:
    """All rows of all tables."""
    engine = sqlalchemy.create_engine(storages.parse(location))
    with engine.connect() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
        text = "".join(str(connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall()) for table in tables)
    engine.dispose()
    return text
