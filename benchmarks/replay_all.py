"""Replay several policies with several budgets on several tables: a JSON file, a Markdown table and a picture.

``python benchmarks/replay_all.py TABLE.npz ... --policies stock default promote --budgets 1000 3000 --repetitions 200
--json results/replay.json --png results/replay.png``. Results that the JSON file has already, of the same table,
policy, budget, seed and at least as many repetitions, are not computed again.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies import POLICIES
from replay import as_text, provenance, replay

from sb3_hpo.tables.curve_table import CurveTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

_NAMES = ("table", "policy", "budget", "seed")


def as_markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """Mean regret with its interval: a line for each table and budget, a column for each policy."""
    policies = list(dict.fromkeys(result["policy"] for result in results))
    cells = {(r["table"], r["budget"], r["policy"]): _cell(r) for r in results}
    lines = [f"| table | budget | {' | '.join(policies)} |", "|---" * (len(policies) + 2) + "|"]
    for table, budget in dict.fromkeys((table, budget) for table, budget, _ in cells):
        row = " | ".join(cells.get((table, budget, policy), "") for policy in policies)
        lines.append(f"| {Path(table).stem} | {budget:,} | {row} |")
    return "\n".join(lines)


def _cell(result: Mapping[str, Any]) -> str:
    low, high = result["regret"]["ci95"]
    return f"{result['regret']['mean']:.4f} [{low:.4f}, {high:.4f}] ({result['repetitions']:,})"


def draw(results: Sequence[Mapping[str, Any]], path: Path, policies: Sequence[str] = ()) -> None:
    """Mean regret against budget, a panel for each table.

    :param policies: those to draw; none for all that have several budgets on a table
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    policies = policies or _drawn(results)
    tables = list(dict.fromkeys(result["table"] for result in results if result["policy"] in policies))
    n_columns = min(4, len(tables))
    n_rows = -(-len(tables) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(3.2 * n_columns, 2.8 * n_rows + 0.4), layout="constrained", squeeze=False
    )
    for axis, table in zip(axes.flat, tables, strict=False):
        of_table = [result for result in results if result["table"] == table and result["policy"] in policies]
        for at, policy in enumerate(policies):
            points = sorted((r for r in of_table if r["policy"] == policy), key=_budget)
            _draw_policy(axis, points, policy, f"C{at}")
        axis.set(xscale="log", yscale="log", title=Path(table).stem, xlabel="evaluations", ylabel="mean regret")
        budgets = sorted({_budget(result) for result in of_table})
        axis.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
        axis.set_xticks([], minor=True)
    for axis in list(axes.flat)[len(tables) :]:
        axis.set_axis_off()
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(policies))
    figure.savefig(path, dpi=80)


def _drawn(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Policies that a picture has room for: what the project does first, then those with several budgets on a table."""
    budgets: dict[tuple[str, str], set[int]] = {}
    for result in results:
        budgets.setdefault((result["policy"], result["table"]), set()).add(_budget(result))
    several = dict.fromkeys(policy for (policy, _), of_policy in budgets.items() if len(of_policy) > 1)
    return sorted(several or dict.fromkeys(policy for policy, _ in budgets), key=lambda policy: policy != "default")


def _draw_policy(axis: Axes, points: Sequence[Mapping[str, Any]], label: str, colour: str) -> None:
    means = [max(1e-4, r["regret"]["mean"]) for r in points]
    limits = [[max(1e-4, limit) for limit in r["regret"]["ci95"]] for r in points]
    spread = [[abs(m - limit[end]) for m, limit in zip(means, limits, strict=True)] for end in (0, 1)]
    budgets = [_budget(result) for result in points]
    axis.errorbar(budgets, means, spread, fmt="o-", markersize=3, label=label, color=colour)


def _budget(result: Mapping[str, Any]) -> int:
    return int(result["budget"])


def _is_done(known: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any], n_repetitions: int) -> bool:
    return any(
        all(result[name] == wanted[name] for name in _NAMES) and result["repetitions"] >= n_repetitions
        for result in known
    )


def _write(path: Path, results: Sequence[Mapping[str, Any]], source: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({**source, "results": list(results)}, indent=1) + "\n", encoding="utf-8")


def _tasks(args: argparse.Namespace) -> Iterator[tuple[Path, str, int]]:
    for path in args.tables:
        for policy in args.policies:
            for budget in args.budgets:
                yield path, policy, budget


def main() -> None:
    """Replay everything that was asked for, and write what is known after each result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="*", metavar="TABLE.npz")
    parser.add_argument("--policies", nargs="+", default=["stock", "default"], choices=POLICIES, metavar="POLICY")
    parser.add_argument("--budgets", nargs="+", type=int, default=[1_000, 3_000])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    parser.add_argument("--png", type=Path, metavar="FILE")
    parser.add_argument("--draw", nargs="+", default=(), choices=POLICIES, metavar="POLICY", help="in the picture")
    args = parser.parse_args()
    stored = (
        json.loads(args.json.read_text(encoding="utf-8")) if args.json.exists() else {"results": [], "commands": []}
    )
    results = stored["results"]
    words = [Path(word).name if word in map(str, args.tables) else word for word in sys.argv[1:]]
    source = {"commands": [*stored["commands"], f"python benchmarks/replay_all.py {shlex.join(words)}"]}
    source["machine"] = f"{platform.system()} {platform.machine()}"
    for path, policy, budget in _tasks(args):
        wanted = {"table": path.name, "policy": policy, "budget": budget, "seed": args.seed}
        if _is_done(results, wanted, args.repetitions):
            continue
        result = replay(CurveTable.read(path), policy, budget, args.repetitions, args.seed, args.workers)
        results = [r for r in results if any(r[name] != wanted[name] for name in _NAMES)]
        results.append({**result, "seed": args.seed, **provenance(path)})
        _write(args.json, results, source)
        print(path.stem, as_text(result), flush=True)
    print(as_markdown(results))
    if args.png:
        draw(results, args.png, args.draw)


if __name__ == "__main__":
    main()
