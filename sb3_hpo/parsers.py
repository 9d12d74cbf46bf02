"""How mistakes on the command line are told."""

from __future__ import annotations

import argparse
from typing import NoReturn

from sb3_hpo.storages.redaction import redacted_command


class OneLineParser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, without the passwords in what it repeats."""

    def error(self, message: str) -> NoReturn:
        """End the program as a command line should."""
        self.exit(2, f"sb3-hpo: error: {redacted_command(message.split(' '))}\n")
