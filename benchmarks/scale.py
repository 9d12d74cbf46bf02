"""How does a tuning scale? Measured on this machine, with the package's own search, budget and storages.

1. ``overhead``: seconds per trial and per report beside the training, by the number of trials in the study.
2. ``processes``: real trainings of DQN in one and two processes, and in one and two threads of the stock zoo.
3. ``workers``: many worker processes on PostgreSQL, directly and through the storage proxy.

``python benchmarks/scale.py overhead processes workers --seed 0 --postgresql URL --json benchmarks/results/scale.json
--png benchmarks/results/scale.png``; what is not named keeps the numbers that the JSON file has. The URL names a
server on which databases may be made and dropped; without it SQLite alone is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scale_overhead
import scale_processes
import scale_workers
import sqlalchemy
from scale_machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def database(server: str | None) -> Iterator[str]:
    """The URL of an empty database, which is gone afterwards: on a server, or a file without one."""
    if server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'scale.db'}"
        return
    url, name = sqlalchemy.make_url(server), f"scale_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def overhead(args: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """The first question, for each kind of database."""
    servers = {"sqlite": None} | ({"postgresql": args.postgresql} if args.postgresql else {})
    results: dict[str, list[dict[str, Any]]] = {}
    for kind, server in servers.items():
        for size in args.sizes:
            with database(server) as location:
                results.setdefault(kind, []).append(scale_overhead.measure(location, size, args.trials, args.seed))
    return results


def _merged(old: dict[str, list[dict[str, Any]]], new: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The rows of both, the new ones where both have measured the same size."""
    rows = {(kind, row["n_trials_in_study"]): row for found in (old, new) for kind in found for row in found[kind]}
    return {kind: [rows[key] for key in sorted(rows) if key[0] == kind] for kind in dict.fromkeys([*old, *new])}


def processes(args: argparse.Namespace) -> dict[str, Any]:
    """The second question."""
    return scale_processes.compare(args.process_trials, args.timesteps, args.repetitions)


def workers(args: argparse.Namespace) -> list[dict[str, Any]]:
    """The third question: short trials, which ask for more than a small machine has, and longer ones."""
    if args.postgresql is None:
        raise SystemExit("workers are measured on PostgreSQL: give --postgresql URL")
    results = []
    for seconds, n_trials in (((0.2, 1.0), 5 * args.workers), ((10.0, 20.0), 2 * args.workers)):
        for proxy in (False, True):
            with database(args.postgresql) as location:
                results.append(scale_workers.measure(location, args.workers, n_trials, seconds, args.seed, proxy=proxy))
    return results


def as_table(results: Mapping[str, Any]) -> str:
    """The numbers as Markdown tables."""
    parts = []
    if "overhead" in results:
        parts.append(_overhead_table(results["overhead"]))
    if "processes" in results:
        parts.append(_processes_table(results["processes"]))
    if "workers" in results:
        parts.append(_workers_table(results["workers"]))
    return "\n\n".join(parts)


def _overhead_table(overhead: Mapping[str, Any]) -> str:
    lines = [
        "| storage, trials in the study | a trial, without TPE | on a core | TPE | writes | reads | budget, dead "
        "workers | garbage | a report | first read | load |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, rows in overhead.items():
        for row in rows:
            parts = row["sections"]
            ours = parts.get("budget", 0.0) + parts.get("stale trials", 0.0)
            times = (
                scale_overhead.without_sampler(row),
                scale_overhead.without_sampler(row, "cpu_sections"),
                parts["sampler"],
                parts["storage: writes"],
                parts["storage: reads"],
                ours,
                parts["garbage collection"],
                row["seconds_per_report"],
            )
            cells = " | ".join(f"{seconds:.3f} s" for seconds in times)
            size = f"{kind}, {row['n_trials_in_study']:,}"
            lines.append(f"| {size} | {cells} | {row['seconds_of_first_read']:.1f} s | {row['load']} |")
    return "\n".join(lines)


def _processes_table(found: Mapping[str, Any]) -> str:
    lines = [
        "| command | trials per hour, whole command | in the search | load | cores that others used |",
        "|---|---|---|---|---|",
    ]
    for name in found["rounds"][0]:
        rows = [one[name] for one in found["rounds"]]
        whole = _spread([3600 * row["n_trials"] / row["seconds"] for row in rows], ".0f")
        inside = _spread([3600 * row["n_trials"] / row["seconds_of_search"] for row in rows], ".0f")
        loads = _spread([row["load"] for row in rows], ".1f")
        measured = [row["cores_of_others"] for row in rows if "cores_of_others" in row]
        others = _spread(measured, ".2f") if measured else "not measured"
        lines.append(f"| {name} | {whole} | {inside} | {loads} | {others} |")
    lines += ["", "| two against one | whole command | in the search |", "|---|---|---|"]
    for kind, ratios in found["ratios"].items():
        cells = " | ".join(_spread(ratios[what], ".2f") for what in ("seconds", "seconds_of_search"))
        lines.append(f"| {kind} | {cells} |")
    return "\n".join(lines)


def _workers_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| workers | through | a trial sleeps | trials per second | ideal | finished of | begun in vain | failed "
        "workers | most connections | load |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["sleep_of_a_trial"]
        failed = sum(n for code, n in row["exit_codes"].items() if code != "0")
        lines.append(
            f"| {row['n_workers']} | {'proxy' if row['proxy'] else 'directly'} | {low:g} to {high:g} s "
            f"| {row['trials_per_second']:.2f} | {row['ideal_trials_per_second']:.2f} "
            f"| {row['finished']} of {row['n_trials']} | {row['begun_in_vain']} | {failed} "
            f"| {row['most_connections']} | {row['load']} |"
        )
    return "\n".join(lines)


def _spread(values: list[float], form: str) -> str:
    low, high = min(values), max(values)
    middle = statistics.median(values)
    return f"{middle:{form}}" if len(values) == 1 else f"{middle:{form}} ({low:{form}} to {high:{form}})"


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Seconds of a trial by the size of the study, stacked by where they go."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    kinds = list(results["overhead"])
    figure, axes = plt.subplots(1, len(kinds), figsize=(5 * len(kinds), 3.6), layout="constrained", squeeze=False)
    names = ["storage: writes", "storage: reads", "garbage collection", "budget", "pruner", "rest", "sampler"]
    for axis, kind in zip(axes[0], kinds, strict=True):
        rows = results["overhead"][kind]
        bottom = [0.0] * len(rows)
        for name in names:
            heights = [row["sections"].get(name, 0.0) for row in rows]
            axis.bar(range(len(rows)), heights, bottom=bottom, label="sampler (TPE)" if name == "sampler" else name)
            bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
        axis.set_xticks(range(len(rows)), [f"{row['n_trials_in_study']:,}" for row in rows])
        axis.set_xlabel("trials in the study")
        axis.set_title(f"seconds of a trial beside the training, {kind}", fontsize=10)
        axis.legend(fontsize=7)
    figure.savefig(path, dpi=80)


def main() -> None:
    """Run what was asked for, print its tables, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=("overhead", "processes", "workers"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgresql", metavar="URL", help="a server on which databases may be made and dropped")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(scale_overhead.SIZES), metavar="N")
    parser.add_argument("--trials", type=int, default=20, help="trials that overhead is measured on")
    parser.add_argument("--process-trials", type=int, default=40, help="trials of each command of processes")
    parser.add_argument("--timesteps", type=int, default=500, help="environment steps of their trainings")
    parser.add_argument("--repetitions", type=int, default=5, help="rounds of processes")
    parser.add_argument("--workers", type=int, default=32, help="worker processes of workers")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--png", type=Path, metavar="FILE")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    if args.json and args.json.exists():
        results = json.loads(args.json.read_text(encoding="utf-8"))
    for name in args.what:
        found: Any = {"overhead": overhead, "processes": processes, "workers": workers}[name](args)
        if name == "overhead":
            found = _merged(results.get(name, {}), found)
        command = ["scale.py", *("URL" if word == args.postgresql else word for word in sys.argv[1:])]
        results[name] = found
        results.setdefault("machines", {})[name] = machine() | {"command": " ".join(command), "seed": args.seed}
        if args.json:
            args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(as_table(results))
    if args.png and "overhead" in results:
        draw(results, args.png)


if __name__ == "__main__":
    main()
