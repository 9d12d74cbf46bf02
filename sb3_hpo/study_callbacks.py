"""Optuna study callbacks that a user adds: found by their dotted names, called where a trial of the search has ended.

As in Optuna, a callback that raises ends the search. The trial that it was called for has ended by then and is kept, as
is everything else: the command says which callback it was, and goes on once it is mended.
"""

from __future__ import annotations

import inspect
import pkgutil
import traceback
from typing import TYPE_CHECKING, Any

from sb3_hpo.entry_points import entry_points
from sb3_hpo.errors import UserError, failure_in_one_line, one_line
from sb3_hpo.storage_failures import ends_the_command
from sb3_hpo.trial_attributes import was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from importlib.metadata import EntryPoint
    from typing import TypeAlias

    import optuna
    from optuna.trial import FrozenTrial

    StudyCallback: TypeAlias = Callable[[optuna.Study, FrozenTrial], None]

CALLBACK_GROUP = "sb3_hpo.callbacks"
"""Group of entry points: study callbacks that installed packages add to every search."""


class CallbackFailedError(RuntimeError):
    """A study callback raised; the trial that it was called for is kept."""


class NamedCallback:
    """A study callback that is called for every trial which has ended: complete, pruned or failed.

    It is not called for one that was interrupted and goes back into the queue, nor for one whose process died.

    :param name: what the user calls it
    :param call: the callback
    """

    def __init__(self, name: str, call: StudyCallback) -> None:
        self.name = name
        self._call = call

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Call it.

        :raises CallbackFailedError: if it raises
        """
        if was_interrupted(trial):
            return
        try:
            self._call(study, trial)
        except Exception as error:
            if ends_the_command(error):
                raise
            raise CallbackFailedError(
                f"callback {self.name!r} raised after trial {trial.number}, which is kept: "
                f"{failure_in_one_line(error)}; mend it, then go on with the same command and "
                f"--study-name {study.study_name}\n{traceback.format_exc()}"
            ) from error


def load_callbacks(names: Iterable[str]) -> list[NamedCallback]:
    """The callbacks of installed packages, then those that are named.

    :param names: dotted names, each of a function ``(study, trial)``, of an object that can be called like one, or of a
        class of such objects that needs no arguments
    :raises UserError: if one cannot be imported, or called with a study and a trial
    """
    points = sorted(entry_points(group=CALLBACK_GROUP), key=lambda point: point.name)
    return [*(_of_package(point) for point in points), *(_named(name) for name in names)]


def check_allowed(names: Iterable[str], allowed: Collection[str], study_name: str) -> None:
    """Check that a study asks for callbacks of allowed packages only, before anything is imported.

    :param allowed: modules that the user of this machine named
    :raises UserError: naming the first callback of another package
    """
    packages = {module.partition(".")[0] for module in allowed}
    for name in names:
        package = name.partition(":")[0].partition(".")[0]
        if package not in packages:
            raise UserError(
                f"study {study_name!r} calls {name!r} after each trial: if you trust it, allow its package with "
                f"--gym-packages {package}"
            )


def _of_package(point: EntryPoint) -> NamedCallback:
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"callback {point.name!r} cannot be loaded from {point.value!r}: {one_line(error)}; mend or uninstall the "
            "package that declares it"
        ) from error
    return NamedCallback(point.name, _callback(point.name, loaded))


def _named(name: str) -> NamedCallback:
    if not ("." in name or ":" in name):
        raise UserError(f"callback {name!r} is no dotted name: write package.module.name")
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"callback {name!r} cannot be imported: {one_line(error)}; its module has to be installed, or in a folder "
            "that PYTHONPATH names"
        ) from error
    return NamedCallback(name, _callback(name, found))


def _callback(name: str, found: Any) -> StudyCallback:
    if inspect.isclass(found):
        try:
            found = found()
        except TypeError as error:
            raise UserError(
                f"callback {name!r} is a class that needs arguments ({one_line(error)}): name an object made of it, or "
                "a function (study, trial)"
            ) from error
    if not callable(found) or not _takes_two(found):
        raise UserError(f"callback {name!r} is {found!r}, it must be callable with a study and a trial")
    callback: StudyCallback = found
    return callback


def _takes_two(found: Callable[..., Any]) -> bool:
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # Without a signature that can be read.
        return True
    return True
