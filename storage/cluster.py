"""What the members of a cluster share beside the tables: who leads, and which member asks a host. Postgres alone.

All of it, the queue of procrastinate included, stands in a schema of its own beside that of the tables, and may be dropped when nobody crawls: the
feeds table is the truth. Times are those of the server's clock, so that the members' clocks need not agree. Who holds a host survives a crash of the
server: its members live on, and ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCKED = "SELECT pg_advisory_xact_lock(hashtext('levantwatch hosts ' || current_schema()))"


@dataclass(frozen=True, slots=True)
class HeldHost:
    """A host that a member may ask alone for a time: how many seconds ago it was last asked, and how long it took to answer."""

    host: str
    asked: float
    response: float


def queue_schema(session: Session, *, version: str, create: str) -> str:
    """The schema of the queue, made by the statements `create` where there is none, anew where it is another version's."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('levantwatch queue ' || current_schema()))"))
    name = session.scalar(text("SELECT current_schema() || '_queue'"))
    query = "SELECT obj_description(oid) FROM pg_namespace WHERE nspname = :name"
    if session.scalar(text(query), {"name": name}) == version:
        return str(name)
    cursor = session.connection().connection.cursor()  # many statements at once, which hold % and : as they are
    quoted = '"' + str(name).replace('"', '""') + '"'
    was = session.scalar(text("SHOW search_path"))
    cursor.execute(f"DROP SCHEMA IF EXISTS {quoted} CASCADE; CREATE SCHEMA {quoted}; SET LOCAL search_path TO {quoted}")
    cursor.execute(create)
    cursor.execute(
        "CREATE TABLE hosts_held (host text PRIMARY KEY, owner text NOT NULL, expires_at timestamptz NOT NULL,"
        " asked_at timestamptz NOT NULL, response double precision NOT NULL DEFAULT 0)"
    )
    cursor.execute(f"COMMENT ON SCHEMA {quoted} IS '{version}'; SET LOCAL search_path TO {was}")
    return str(name)


def take_hosts(
    session: Session, *, schema: str, owner: str, hosts: Collection[str], seconds: float
) -> dict[str, HeldHost]:
    """Those of the hosts that nobody else holds, from now on held for so long; taken again, they are held for longer.

    A host whose holder went silent counts as asked until the end of its time.
    """
    session.execute(text(_LOCKED))
    rows = session.execute(
        text(
            f'INSERT INTO "{schema}".hosts_held AS held (host, owner, expires_at, asked_at)'
            " SELECT host, :owner, clock_timestamp() + make_interval(secs => :seconds), CAST('-infinity' AS timestamptz)"
            " FROM unnest(CAST(:hosts AS text[])) AS host"
            " ON CONFLICT (host) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at, asked_at ="
            " CASE WHEN held.owner = '' OR held.owner = excluded.owner THEN held.asked_at ELSE held.expires_at END"
            " WHERE held.owner = excluded.owner OR held.owner = '' OR held.expires_at <= clock_timestamp()"
            " RETURNING host, CASE WHEN asked_at = '-infinity' THEN 1e9"
            " ELSE extract(epoch FROM clock_timestamp() - asked_at) END, response"
        ),
        {"owner": owner, "seconds": seconds, "hosts": list(hosts)},
    )
    return {row[0]: HeldHost(row[0], float(row[1]), row[2]) for row in rows}


def give_hosts(session: Session, *, schema: str, owner: str, hosts: Mapping[str, tuple[float, float]]) -> None:
    """Others may ask these hosts now; each with the seconds since it was asked, and those that it takes to answer."""
    session.execute(text(_LOCKED))
    session.execute(
        text(
            f'UPDATE "{schema}".hosts_held AS held SET owner = \'\', response = given.response,'
            " asked_at = clock_timestamp() - make_interval(secs => least(given.asked, 1e9))"
            " FROM unnest(CAST(:hosts AS text[]), CAST(:asked AS float8[]), CAST(:response AS float8[])) AS given(host, asked, response)"
            " WHERE held.host = given.host AND held.owner = :owner"
        ),
        {
            "owner": owner, "hosts": list(hosts), "asked": [asked for asked, _ in hosts.values()],
            "response": [response for _, response in hosts.values()],
        },
    )  # fmt: skip


def forget_hosts(session: Session, *, schema: str, days: float = 1.0) -> None:
    """Drop what is known of hosts that nobody asked for long."""
    session.execute(text(_LOCKED))
    old = "expires_at < clock_timestamp() - make_interval(secs => :seconds)"
    session.execute(text(f'DELETE FROM "{schema}".hosts_held WHERE {old}'), {"seconds": days * 86_400})


def queued_feeds(session: Session, *, schema: str) -> dict[int, str]:
    """The feeds in the queue, waiting or being polled, with their hosts."""
    rows = session.execute(
        text(
            f"SELECT (args->>'feed_id')::bigint, lock FROM \"{schema}\".procrastinate_jobs WHERE status IN ('todo', 'doing')"
        )
    )
    return {row[0]: row[1] for row in rows}
