"""Maps between the value Optuna samples and the value of SB3's argument, there and back.

A transform sees the hyperparameters gathered so far, so that one argument can be a fraction of another: ranges
stay static, which keeps every parameter inside TPE's multivariate model.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

Plain: TypeAlias = bool | int | float | str | None
"""What Optuna samples and stores."""

CONSTANT, LINEAR = "constant", "linear"
"""What :class:`Schedule` is sampled from."""
LINEAR_PREFIX = "lin_"
"""How the zoo's YAML writes a schedule that falls linearly to zero: ``lin_0.001`` (rl_zoo3, ``exp_manager.py``)."""


class OutsideSpaceError(UserError):
    """A hyperparameter has a value that the search space cannot express."""


class Transform(Protocol):
    """Maps a sampled value to an argument and back: ``backward(forward(value)) == value``.

    ``hyperparams`` holds the arguments of the parameters declared before this one; ``forward`` and ``backward``
    see the same ones. ``backward`` raises :class:`OutsideSpaceError` where no sampled value gives the argument.
    """

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> object:
        """The argument for a sampled value."""

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> Plain:
        """The sampled value that gives an argument."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """The sampled value is the argument.

    A schedule written ``lin_0.001`` counts as its initial value; :class:`Schedule` takes care of the rest.
    """

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> object:
        """The value itself."""
        return value

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> Plain:
        """The argument itself."""
        if isinstance(argument, str) and argument.startswith(LINEAR_PREFIX):
            return _number(argument.removeprefix(LINEAR_PREFIX))
        if argument is None or isinstance(argument, (bool, int, float, str)):
            return argument
        raise OutsideSpaceError(f"{argument!r} is not a plain value")


@dataclasses.dataclass(frozen=True)
class ZeroAt:
    """The sampled value is the argument, but for one value that stands for 0, which a log scale does not reach.

    :param value: the value that stands for 0: the low end of the range
    """

    value: float

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> Plain:
        """The value itself, or 0."""
        return type(self.value)(0) if value == self.value else value

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> Plain:
        """The argument itself, or what stands for 0."""
        number = _number(argument)
        if number == self.value:
            raise OutsideSpaceError(f"{argument!r} stands for 0")
        return number or self.value


@dataclasses.dataclass(frozen=True)
class OneMinus:
    """The argument is one minus the sampled value: ``gamma`` searched on a log scale near 1.

    :param one_at: the value that stands for an argument of exactly 1: the low end of the range; None if none does
    """

    one_at: float | None = None

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> float:
        """``1 - value``."""
        return 1.0 if value == self.one_at else 1.0 - _number(value)

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> float:
        """``1 - argument``, which for arguments from 0.5 to 1 is exact in floating point."""
        number = _number(argument)
        if number == 1 and self.one_at is not None:
            return self.one_at
        return 1.0 - number


@dataclasses.dataclass(frozen=True)
class PowerOfTwo:
    """The sampled value is the exponent: batch sizes and rollout lengths."""

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> int:
        """``2 ** value``."""
        return int(2 ** int(_number(value)))

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> int:
        """``log2(argument)``, for powers of two only."""
        number = _number(argument)
        exponent = round(math.log2(number)) if 0 < number < math.inf else 0
        if 2**exponent != number:
            raise OutsideSpaceError(f"{argument!r} is not a power of two")
        return exponent


@dataclasses.dataclass(frozen=True)
class FractionOf:
    """The argument is the sampled fraction of another argument, rounded: gradient steps for a train frequency.

    :param argument: name of the other argument, whose parameter must be declared before
    """

    argument: str

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> int:
        """``value * other``, rounded, at least 1."""
        return max(1, round(_number(value) * _number(hyperparams[self.argument])))

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> float:
        """``argument / other``; SB3's ``gradient_steps=-1``, as many as steps collected, is the whole of it."""
        if argument == -1:
            return 1.0
        return _number(argument) / _number(hyperparams[self.argument])


@dataclasses.dataclass(frozen=True)
class Named:
    """The sampled value is the name of an argument that is no plain value: networks, activation functions.

    :param arguments: the argument for each name
    """

    arguments: Mapping[str, object]

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> object:
        """The argument of that name."""
        if value not in self.arguments:
            raise OutsideSpaceError(f"{value!r} is none of {', '.join(self.arguments)}")
        return copy.deepcopy(self.arguments[str(value)])

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> str:
        """The name of an argument."""
        for name, named in self.arguments.items():
            if named == argument:
                return name
        raise OutsideSpaceError(f"{argument!r} is none of {list(self.arguments.values())}")


@dataclasses.dataclass(frozen=True)
class AtLeast:
    """The argument is another argument plus the sampled value minus 1, so that it is never below the other one.

    Minus 1, because then a log scale from 1 includes no difference at all.

    :param argument: name of the other argument, whose parameter must be declared before
    """

    argument: str

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> int:
        """``other + value - 1``."""
        return int(_number(hyperparams[self.argument]) + _number(value)) - 1

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> float:
        """``argument - other + 1``."""
        return _number(argument) - _number(hyperparams[self.argument]) + 1


@dataclasses.dataclass(frozen=True)
class NetArch:
    """The sampled value is the name of a ``net_arch``.

    SB3 reads a bare list as the layers of the actor and of the critic alike; both ways to write it have one name.

    :param networks: ``net_arch`` for each name
    :param heads: the networks that a bare list stands for, such as ``("pi", "vf")``; empty where there is only one
    """

    networks: Mapping[str, object]
    heads: tuple[str, ...] = ()

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> object:
        """The ``net_arch`` of that name."""
        if value not in self.networks:
            raise OutsideSpaceError(f"{value!r} is none of {', '.join(self.networks)}")
        return copy.deepcopy(self.networks[str(value)])

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> str:
        """The name of a ``net_arch``."""
        for name, network in self.networks.items():
            if self._spelt_out(network) == self._spelt_out(argument):
                return name
        raise OutsideSpaceError(f"{argument!r} is none of {list(self.networks.values())}")

    def _spelt_out(self, net_arch: object) -> object:
        return dict.fromkeys(self.heads, net_arch) if self.heads and isinstance(net_arch, list) else net_arch


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The sampled value says how an argument sampled before changes during training: ``constant`` or ``linear``.

    It rewrites the argument of another parameter into the zoo's notation: ``lin_0.001``.

    :param argument: name of the argument whose schedule it is
    """

    argument: str

    def forward(self, value: Plain, hyperparams: Mapping[str, Any]) -> object:
        """The argument, as a linear schedule where asked."""
        initial = hyperparams[self.argument]
        return f"{LINEAR_PREFIX}{initial!r}" if value == LINEAR else initial

    def backward(self, argument: object, hyperparams: Mapping[str, Any]) -> str:
        """Which schedule the argument is written in."""
        return LINEAR if isinstance(argument, str) and argument.startswith(LINEAR_PREFIX) else CONSTANT


def _number(value: object) -> float:
    if not isinstance(value, bool):
        if isinstance(value, (int, float)):
            return value
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                pass
    raise OutsideSpaceError(f"{value!r} is not a number")
