from __future__ import annotations

import gc

import optuna
import pytest
import torch

from tests.tasks import FakeTask

torch.set_num_threads(1)
optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def pytest_collection_finish() -> None:
    """Spare what the imports left behind from each collection: the search runs one after every trial."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def study() -> optuna.Study:
    """A study in memory that samples at random and never prunes."""
    return optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner()
    )


@pytest.fixture
def storage() -> optuna.storages.BaseStorage:
    return optuna.storages.InMemoryStorage()


@pytest.fixture
def task() -> FakeTask:
    return FakeTask()
