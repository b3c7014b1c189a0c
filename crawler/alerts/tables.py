"""A table of a TOML file whose values are checked as they are taken out; a mistake is one line that names its place. PURE."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NoReturn

from crawler.config import ConfigError
from crawler.terminal import plain


class Table:
    """A table of the file with its place, for errors. Values are checked where they are taken out."""

    def __init__(self, file: str, place: str, values: Mapping[str, Any]) -> None:
        self.file, self.place, self.values = file, place, values

    def fail(self, key: str, wrong: str) -> NoReturn:
        """Say what is wrong with a key of it, '' for the table itself. Raises ConfigError."""
        where = ": ".join(filter(None, (self.file, self.place, key)))
        raise ConfigError(f"{where}: {wrong}")

    def only(self, *known: str) -> None:
        """Every key must be one of these."""
        for key in self.values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                meant = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(known)}"
                self.fail(plain(key), f"there is no such key; {meant}")

    def _take(self, key: str, kind: type, what: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if not isinstance(value, kind):
            self.fail(key, f"it must be {what}")
        return value

    def text(self, key: str, example: str) -> str:
        """A text of one line, '' where there is none."""
        value: str = self._take(key, str, f"text, such as {example}", "")
        if value != plain(value) or len(value) > 2_000:
            self.fail(key, f"it must be one line of text without control characters, such as {example}")
        return value

    def flag(self, key: str) -> bool:
        """Yes or no; no where nothing is said."""
        value: bool = self._take(key, bool, "true or false", False)
        return value

    def words(self, key: str, example: str) -> tuple[str, ...]:
        """One text or a list of them, each once."""
        value = self.values.get(key, [])
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(one, str) and one == plain(one) and one for one in given):
            self.fail(key, f"it must be a text or a list of texts, such as {example}")
        return tuple(dict.fromkeys(given))

    def table(self, key: str) -> Table:
        """The table of this name, empty where there is none."""
        return Table(self.file, key, self._take(key, dict, f"a table: [{key}]", {}))

    def tables(self, key: str) -> list[Table]:
        """The tables of this name, in their order."""
        given = self._take(key, list, f"a list of tables: [[{key}]]", [])
        if not all(isinstance(one, dict) for one in given):
            self.fail(key, f"it must be a list of tables: [[{key}]]")
        return [Table(self.file, key, one) for one in given]
