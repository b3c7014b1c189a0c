"""`db upgrade` and `db check`."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The database: upgrade its schema, check it.")


@app.command(epilog="Example: levantwatch db upgrade")
def upgrade() -> None:
    """Create the schema, or bring it up to this version. Refuses while a crawler runs."""
    from crawler.config import load_config
    from storage.db import open_database

    database = open_database(load_config().database_url)
    try:
        with database.crawl_lock():
            database.ensure_schema(upgrade=True, tell=lambda line: typer.echo(line, err=True))
        typer.echo(f"{database.name}: the schema is up to date")
    finally:
        database.close()


@app.command(epilog="Example: levantwatch db check")
def check() -> None:
    """Say whether the database can be reached and has this version's schema."""
    from crawler.config import load_config
    from storage.db import open_database

    database = open_database(load_config().database_url)
    try:
        database.check_schema()
        typer.echo(f"{database.name}: the schema is up to date")
    finally:
        database.close()
