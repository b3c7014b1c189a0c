"""The `levantwatch` command: parse arguments, open a session, call, print. No logic.

Every command ends with 0, 1 (it failed) or 2 (bad usage), and says what went wrong in one line on standard error.
Heavy libraries are imported by the commands that use them, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from copy import copy

import typer
from typer.core import TyperGroup
from typer.main import get_command_name
from typer.models import CommandInfo

from crawler.cli import (
    alerts,
    asking,
    changing,
    crawling,
    database,
    desk,
    feeds,
    judging,
    proof,
    reading,
    searching,
    snapshots,
    statements,
    stories,
    training,
    watching,
)
from crawler.cli.common import version

COLLECT_AFTER = (
    50_000  # new objects: what a command imports makes 200,000 that stay, and a fifth of its start were walks over them
)

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
searching.register(app)
app.add_typer(snapshots.app, name="snapshot")
statements.register(app)
asking.register(app)
changing.register(app)
judging.register(app)
training.register(app)
watching.register(app)
proof.register(app)
desk.register(app)
reading.register(app)
stories.register(app)
app.add_typer(alerts.app, name="alerts")
app.add_typer(database.app, name="db")


def command_for(arguments: Sequence[str]) -> TyperGroup:
    """The command as Typer makes it of these functions: of what the first argument names alone, or all when that names none (25 ms)."""
    name = arguments[0] if arguments else ""
    narrow = copy(app)
    narrow.registered_commands = [one for one in app.registered_commands if _name_of(one) == name]
    narrow.registered_groups = [one for one in app.registered_groups if one.name == name]
    known = narrow.registered_commands or narrow.registered_groups
    return typer.main.get_group(narrow if known else app)


def _name_of(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status."""
    # scrapy's commands find the project by scrapy.cfg; ours must run anywhere
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "crawler.settings")
    gc.set_threshold(COLLECT_AFTER)
    _open_streams()
    status = _run(arguments)
    gc.freeze()  # at its exit Python looks for cycles in all that is loaded: a tenth of a second for nothing
    sys.exit(_written(status))


def _open_streams() -> None:
    """Make standard streams usable that were closed or speak an encoding of few letters."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened, perhaps the database, becomes standard output
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: Sequence[str] | None) -> int:
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        result = command_for(given).main(args=given, prog_name="levantwatch", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _fail("interrupted", status=130)
    except typer.TyperException as error:
        return _usage(error)
    except SystemExit as error:
        # how Typer and Rich end when the reader (head, less) has seen enough
        if isinstance(error.__context__, BrokenPipeError):
            return 0
        return error.code if isinstance(error.code, int) else 1
    except _errors_for_users() as error:
        return _fail(str(error), status=1)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = f"{error.filename}: " if error.filename else ""
        if not error.filename and (is_full or not _can_write()):  # any other file is named
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what waits must not be complained of again
            where = "the output cannot be written: "
        room = "; make room there and run it again" if is_full else ""
        return _fail(f"{where}{error.strerror or error}{room}", status=1)


def _errors_for_users() -> tuple[type[Exception], ...]:
    """Errors whose message says what to do. Imported only when something went wrong, so that `--help` is quick."""
    from crawler.config import ConfigError
    from storage.errors import StorageError

    return ConfigError, StorageError


def _can_write() -> bool:
    """Whether standard output takes what waits for it."""
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _written(status: int) -> int:
    """Write what still waits; the status, or 1 when that fails for another reason than a reader who has gone."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries again, and complains
        if not isinstance(error, BrokenPipeError):
            return _fail(f"the output cannot be written: {error.strerror}", status=1)
    return status


def _usage(error: typer.TyperException) -> int:
    """Bad usage in one line; a group without a command prints its help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        sys.stderr.write(context.get_help() + "\n")
        return 2
    where = context.command_path if context is not None else "levantwatch"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    message = message.replace("Value error, ", "")  # pydantic's word
    return _fail(f"{message} (see: {where} --help)", status=getattr(error, "exit_code", 2))


def _fail(message: str, *, status: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"levantwatch: {line}\n")
    return status
