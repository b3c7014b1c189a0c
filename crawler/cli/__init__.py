"""The `levantwatch` command: parse arguments, open a session, call, print. No logic.

Every command ends with 0, 1 (it failed) or 2 (bad usage), and says what went wrong in one line on standard error.
Heavy libraries are imported by the commands that use them, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from crawler.cli import asking, crawling, database, feeds, reading
from crawler.cli.common import version

app = typer.Typer(
    name="levantwatch",
    help="Watches news feeds for Syria and ISIS, keeps what matches, and says why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Try it without network or set-up: levantwatch demo",
)


@app.callback()
def options(
    show_version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True, callback=version),
) -> None:
    """Options before the command."""


crawling.register(app)
app.add_typer(feeds.app, name="feeds")
asking.register(app)
reading.register(app)
app.add_typer(database.app, name="db")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status."""
    # scrapy's commands find the project by scrapy.cfg; ours must run anywhere
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "crawler.settings")
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    from crawler.config import ConfigError
    from storage.errors import StorageError

    command = typer.main.get_command(app)
    try:
        result = command.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _fail("interrupted", status=130)
    except typer.TyperException as error:
        return _usage(error)
    except (ConfigError, StorageError) as error:
        return _fail(str(error), status=1)
    except BrokenPipeError:
        # the reader (head, less) has seen enough; do not let the interpreter complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _usage(error: typer.TyperException) -> int:
    """Bad usage in one line; a group without a command prints its help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        sys.stderr.write(context.get_help() + "\n")
        return 2
    where = context.command_path if context is not None else "levantwatch"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return _fail(f"{message} (see: {where} --help)", status=getattr(error, "exit_code", 2))


def _fail(message: str, *, status: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"levantwatch: {line}\n")
    return status
