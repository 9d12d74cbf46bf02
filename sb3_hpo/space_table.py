"""Search spaces as tables: what ``sb3-hpo spaces`` prints, and the one in the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from rich.table import Table

from sb3_hpo.algorithms import Algorithm, algorithm_names, get_algorithm
from sb3_hpo.parameter import SameAs, describe_range
from sb3_hpo.transforms import OneMinus, PowerOfTwo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sb3_hpo.parameter import Parameter
    from sb3_hpo.search_space import SearchSpace


def algorithms_table() -> Table:
    """All tunable algorithms, with how many parameters each has."""
    table = Table("algorithm", "model class", "parameters")
    for name in algorithm_names():
        algorithm = get_algorithm(name)
        table.add_row(name, _class_path(algorithm), str(len(algorithm.search_space)))
    return table


def space_table(space: SearchSpace) -> Table:
    """The parameters of a search space, with ranges, SB3's defaults and sources."""
    table = Table()
    table.add_column("parameter", no_wrap=True)
    for heading in ("SB3's argument", "its range", "scale", "default", "only where"):
        table.add_column(heading, overflow="fold")
    table.add_column("source of the range", ratio=1)
    for parameter in space:
        table.add_row(
            parameter.name,
            parameter.argument,
            argument_range(parameter),
            scale(parameter),
            _default(parameter),
            _condition(parameter),
            parameter.source,
        )
    return table


def markdown_table() -> str:
    """Every algorithm with its parameters, in Markdown."""
    return "\n".join(["| algorithm | parameters |", "|---|---|", *_markdown_rows()]) + "\n"


def argument_range(parameter: Parameter) -> str:
    """The range in SB3's terms: ``32 to 512`` for exponents from 5 to 9."""
    d = parameter.distribution
    if isinstance(parameter.transform, (OneMinus, PowerOfTwo)) and isinstance(d, (FloatDistribution, IntDistribution)):
        low, high = sorted(float(parameter.transform.forward(end, {})) for end in (d.low, d.high))
        return f"{low:g} to {high:g}"
    return describe_range(d)


def scale(parameter: Parameter) -> str:
    """How a parameter is sampled: ``log``, ``linear``, ``powers of 2`` or ``choice``."""
    d = parameter.distribution
    if isinstance(d, CategoricalDistribution):
        return "choice"
    if isinstance(parameter.transform, PowerOfTwo):
        return "powers of 2"
    if isinstance(parameter.transform, OneMinus):
        return "log of 1 - it"
    return "log" if isinstance(d, (FloatDistribution, IntDistribution)) and d.log else "linear"


def _markdown_rows() -> Iterator[str]:
    for name in algorithm_names():
        names = ", ".join(f"`{parameter.name}`" for parameter in get_algorithm(name).search_space)
        yield f"| `{name}` | {names} |"


def _class_path(algorithm: Algorithm) -> str:
    if isinstance(algorithm.model, str):
        return algorithm.model.replace(":", ".")
    return f"{algorithm.model.__module__}.{algorithm.model.__qualname__}"


def _default(parameter: Parameter) -> str:
    default = parameter.default
    return f"as {default.argument}" if isinstance(default, SameAs) else str(default)


def _condition(parameter: Parameter) -> str:
    conditions = [f"{other} in {', '.join(map(str, values))}" for other, values in parameter.when.items()]
    return "; ".join([*sorted(parameter.requires), *conditions])
