"""TensorBoard's runs, read back from their event files as TensorBoard reads them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run holds.

    :param hparams: its row in the HParams view
    :param metrics: names of the metrics that the HParams view shows
    :param scalars: ``(step, value)`` of each curve
    """

    hparams: dict[str, Any]
    metrics: set[str]
    scalars: dict[str, list[tuple[int, float]]]


def runs(folder: Path) -> dict[str, Run]:
    """All runs in a folder, by name."""
    return {path.name: _run(path) for path in sorted(folder.iterdir())}


def _run(path: Path) -> Run:
    events = EventAccumulator(str(path)).Reload()
    content = events.PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    return Run(
        hparams={name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()},
        metrics={info.name.tag for info in experiment.metric_infos},
        scalars={tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]},
    )
