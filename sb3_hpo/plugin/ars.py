"""ARS, which learns on whatever its callbacks say: here it stops when they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.callbacks import CallbackList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_contrib import ARS
    from sb3_contrib.common.vec_env import AsyncEval
    from stable_baselines3.common.callbacks import BaseCallback


class _LearningStopped(BaseException):
    """A callback said stop."""


class _RaisingCallbackList(CallbackList):
    def on_step(self) -> bool:
        if not super().on_step():
            raise _LearningStopped
        return True


def learn(model: ARS, n_timesteps: int, callbacks: Sequence[BaseCallback], async_eval: AsyncEval | None) -> None:
    """Train until the end, or until a callback says stop.

    :param async_eval: processes that evaluate its candidates; closed afterwards
    """
    kwargs: dict[str, Any] = {} if async_eval is None else {"async_eval": async_eval}
    try:
        model.learn(n_timesteps, callback=_RaisingCallbackList(list(callbacks)), **kwargs)
    except _LearningStopped:
        if async_eval is not None:
            async_eval.close()
