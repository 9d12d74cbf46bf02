"""How a study was made, in words: what its description and its commands say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sb3_hpo.storage import redacted
from sb3_hpo.storages.redaction import redacted_command
from sb3_hpo.wording import count, duration

_COMMAND = "command:"


def facts_of(attributes: Mapping[str, Any], description: Mapping[str, Any], location: str) -> dict[str, str]:
    """What -> content, as text.

    :param attributes: those of the study
    :param description: its description; empty where sb3-hpo did not make it
    :param location: where it is kept, as ``--storage`` names it
    """
    facts = {"storage": redacted(location)}
    if not description:
        return {**facts, "made by": "not sb3-hpo, so that versions, seeds, budget and command are not recorded"}
    seeds = description.get("tuning_seeds")
    facts |= {
        "algorithm and environment": f"{description.get('algo')} on {description.get('env')}",
        "one training": f"{_number(description.get('n_timesteps'))} environment steps, "
        f"{_number(description.get('n_evaluations'))} evaluations of "
        f"{_number(description.get('n_eval_episodes'))} episodes",
        "score": f"{description.get('score')} of a learning curve, {description.get('aggregate')} over tuning seeds",
        "seed": f"{description.get('seed')}",
        "tuning seeds": ", ".join(map(str, seeds)) if isinstance(seeds, list) else "",
        "command that made it": redacted_command(str(description.get("command", "")).split(" ")),
    }
    commands = [value for key, value in attributes.items() if key.startswith(_COMMAND) and isinstance(value, Mapping)]
    budgets = [_budget(command.get("settings")) for command in commands]
    for index, budget in enumerate(budgets, start=1):
        facts["budget" if len(budgets) == 1 else f"budget of command {index}"] = budget
    return {what: text for what, text in facts.items() if text}


def _budget(settings: object) -> str:
    if not isinstance(settings, Mapping):
        return ""
    bounds = []
    for key, text in (("n_trials", "{} of its own"), ("max_total_trials", "{} in the study")):
        if isinstance(settings.get(key), int):
            bounds.append(text.format(count(settings[key], "trial")))
    if isinstance(settings.get("timeout"), (int, float)):
        bounds.append(f"{duration(settings['timeout'])} with validation")
    options = "".join(
        f", {kind} {settings.get(kind)}" + (f" {given}" if (given := settings.get(f"{kind}_kwargs")) else "")
        for kind in ("sampler", "pruner")
    )
    bound = " or ".join(bounds) or "no bound on trials or time"
    return f"{bound}{options}, {settings.get('n_validation_seeds')} validation seeds"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "an unknown number of"
