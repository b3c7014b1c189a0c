"""A date within a line of words: "Published on 30/04/2024 - 16:38", "Zuerst veröffentlicht am 3. Mai 2024". PURE."""

from __future__ import annotations

import re
from datetime import datetime

from crawler.dates import plain_digits, read_date

LONGEST = 200  # characters of a line that may be a dateline
_NAME = r"[^\W\d_]{3,14}\.?(?:\s(?:الثاني|الأول|الاول|أول|ثاني))?(?:\s?/\s?[^\W\d_]{3,14})?"
_DATE = re.compile(
    r"(?<![\w/.-])(?:"
    r"\d{4}-\d{2}-\d{2}(?!\d)|\d{4}([/.])\d{1,2}\1\d{1,2}(?!\d)"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?\d{1,2}([/.-])\d{1,2}\2(?:\d{4}|\d{2})(?![./-]?\d)"
    rf"|\d{{1,2}}(?:\.|st|nd|rd|th|er)?(?:\s+de)?[\s-]+{_NAME},?(?:\s+de)?[\s-]+\d{{4}}(?!\d)"
    rf"|{_NAME}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}(?!\d{{2}}:?\d|\d{{3}})"
    r")"
)
_CLOCK = re.compile(
    r"[T\s|,·–—-]*(?:at|um|à|a las|alle|om|saat|kl\.?|в|الساعة|ساعت)?[\s:|,–—-]*\d{1,2}[:.h]\d{2}(?::\d{2})?(?:\s*[AaPp]\.?[Mm]\b\.?)?"
    r"(?:\s*(?:UTC|GMT|[ECMP][SD]T|CES?T|EES?T|MSK|Z)\b|\s?[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_OF_A_CHANGE = re.compile(
    r"^\W*(?:last\s+)?(?:updated?|modified|edited|aktualisiert|stand|geändert|mis(?:e)? à jour|modifié|aggiornato|actualizado|atualizado|"
    r"güncelle|son güncelle|обновлен|изменен|oppdatert|uppdaterad|opdateret|bijgewerkt|aktualizov|zaktualizowano|تحديث|آخر تحديث|به.?روز)",
    re.IGNORECASE,
)


def date_in(line: str) -> tuple[datetime, str] | None:
    """The first date of a short line, with its time of day if one follows, and how it is written; None for none."""
    if len(line) > LONGEST:
        return None
    text = plain_digits(line)
    for found in _DATE.finditer(text):
        clock = _CLOCK.match(text, found.end())
        for end in (clock.end() if clock else found.end(), found.end()):
            raw = text[found.start() : end]
            if (moment := read_date(raw)) is not None:
                return moment, raw
    return None


def tells_a_change(line: str) -> bool:
    """Whether a line says when something was changed, not when it appeared."""
    return _OF_A_CHANGE.search(line) is not None
