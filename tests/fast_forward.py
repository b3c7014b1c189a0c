"""The daemon on a faster clock, as a program: fast_forward.py FACTOR OFFSET [MOVED]; one second of ours is FACTOR of its seconds.

OFFSET is how many of its seconds are over already, so that a second run goes on where the first one stopped. MOVED is a file
with the seconds by which its wall clock is moved, which may be written while it runs. Its crawls are renewed every hour of its own.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


def main(factor: float, offset: float, moved: Path | None) -> None:
    """Watch with the configuration of the environment, until a signal."""
    from crawler import (
        daemon,  # not above: each worker imports this module, as it does the one of `levantwatch`, which loads nothing
    )
    from crawler.config import load_config

    begin, started = datetime.now(UTC), time.monotonic()

    def steady() -> float:
        return factor * (time.monotonic() - started)

    def clock() -> datetime:
        by = float(moved.read_text() or 0) if moved is not None and moved.exists() else 0.0
        return begin + timedelta(seconds=offset + steady() + by)

    daemon.run(load_config(), clock=clock, steady=steady, renew_every=max(daemon.RENEW_MINUTES * 60 / factor, 5.0))


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
