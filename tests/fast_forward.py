"""The daemon on a faster clock, as a program: fast_forward.py FACTOR OFFSET; one second of ours is FACTOR of its seconds.

OFFSET is how many of its seconds are over already, so that a second run goes on where the first one stopped.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from crawler import daemon
from crawler.config import load_config


def main(factor: float, offset: float) -> None:
    """Watch with the configuration of the environment, until a signal."""
    begin, started = datetime.now(UTC), time.monotonic()
    daemon.run(load_config(), clock=lambda: begin + timedelta(seconds=offset + factor * (time.monotonic() - started)))


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
