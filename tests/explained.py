"""The command, with the plan of every statement that it sends: explained.py FILE ARGUMENT ..., a program; FILE gets a line of JSON each.

A line is the statement and the lines of its plan. On Postgres scans are made dear, so that one that is planned has no index to use instead.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine


def main(told: Path, arguments: list[str]) -> None:
    """Run `levantwatch` with these arguments."""
    from crawler.cli import main as levantwatch  # not above: workers import this module

    asking = threading.local()
    seen: set[str] = set()

    def look(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement in seen or not re.match(r"\s*(WITH|SELECT|UPDATE|DELETE)", statement):
            return
        if getattr(asking, "engine", None) is None:
            asking.engine = create_engine(connection.engine.url)
        elif connection.engine is asking.engine:
            return
        seen.add(statement)
        with asking.engine.connect() as other:
            if other.dialect.name == "postgresql":
                other.exec_driver_sql("SET enable_seqscan = off")
            explain = "EXPLAIN " if other.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
            rows = other.exec_driver_sql(explain + statement, parameters[0] if many else parameters)
            plan = [str(row[-1]) for row in rows]
        with told.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([statement, plan]) + "\n")

    event.listen(Engine, "before_cursor_execute", look)
    sys.argv = ["levantwatch", *arguments]
    levantwatch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
