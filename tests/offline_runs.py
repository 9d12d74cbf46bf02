"""Runs of Weights & Biases that were kept offline, read back from their files."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import TYPE_CHECKING, Any

from wandb.proto import wandb_internal_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE_HEADER = 7
_BLOCK = 32768
_RECORD_HEADER = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclasses.dataclass
class OfflineRun:
    """What a run holds."""

    name: str = ""
    group: str = ""
    project: str = ""
    tags: set[str] = dataclasses.field(default_factory=set)
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def offline_runs(folder: Path) -> list[OfflineRun]:
    """All runs under a folder."""
    return [_read(file) for file in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]


def _read(file: Path) -> OfflineRun:
    run = OfflineRun()
    for content in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(content)
        match record.WhichOneof("record_type"):
            case "run":
                run.name, run.group, run.project = record.run.display_name, record.run.run_group, record.run.project
                run.tags |= set(record.run.tags)
                run.config |= _values(record.run.config.update)
            case "config":
                run.config |= _values(record.config.update)
            case "history":
                run.history.append(_values(record.history.item))
    return run


def _values(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(content: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, behind a header of its own that counts as part of the first block.

    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    at, parts = _FILE_HEADER, b""
    while at + _RECORD_HEADER.size <= len(content):
        if _BLOCK - at % _BLOCK < _RECORD_HEADER.size:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = _RECORD_HEADER.unpack_from(content, at)
        at += _RECORD_HEADER.size
        parts = content[at : at + length] if kind in (_FULL, _FIRST) else parts + content[at : at + length]
        at += length
        if kind in (_FULL, _LAST):
            yield parts
