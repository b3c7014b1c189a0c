"""Text on its way into the database: what no database can hold is removed, what is searched is folded. PURE."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any


def many(number: int, one: str, more: str | None = None) -> str:
    """A number with its noun, as people read it: 1 feed, 1,204 matches."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


# Postgres refuses NUL in text; neither driver can encode a lone surrogate as UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WORDS = re.compile(r"[^\W_]+")

# Marks carry vowels, accents, hamza and harakat; joiners are typography. Removed, so the word stays whole.
_REMOVED = ("Mn", "Mc", "Me", "Cf")
# Letters that stand for one another in how people type the same word, and that Unicode does not decompose.
_SAME = {
    "ı": "i",  # Turkish dotless: "Işid", "ISID" and "ışid" are one word to a searcher
    "ø": "o", "đ": "d", "ł": "l", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h",
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ې": "ي", "ة": "ه", "ۃ": "ه", "ہ": "ه", "ھ": "ه", "ک": "ك", "ڪ": "ك",
    "\u0640": "",  # tatweel stretches a word for looks
    "\u200b": " ",  # ZERO WIDTH SPACE is of the joiners' category, but a word break
}  # fmt: skip


class _Fold(dict[int, str]):
    """What each character becomes, worked out when it is first met (the whole table would cost 0.3 s at import)."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        category = unicodedata.category(letter)
        if category in _REMOVED:
            result = ""
        elif category == "Nd":
            result = str(unicodedata.decimal(letter))
        else:
            result = letter
        self[code] = result
        return result


_FOLD = _Fold({ord(letter): same for letter, same in _SAME.items()})

# to_tsvector raises above 1 MB and keeps no position above 16,383; FTS5 takes the same words so that both answer alike.
INDEXED_WORDS = 15_000
INDEXED_LETTERS = 230_000  # of up to four bytes, with its words' places still under that; such prose has half as many
# Postgres keeps lexemes of up to 2,046 bytes; no word of a language is that long, a glued data string is.
LONGEST_WORD = 200
# A btree index of Postgres takes 2,704 bytes; longer keys are cut and end in their hash.
LONGEST_KEY = 1_000


def clean(text: str) -> str:
    """The text without NUL and lone surrogates: exactly what both databases give back unchanged."""
    # str() also turns a StrEnum's member into the plain word that drivers know
    return _UNSTORABLE.sub("", text) if _UNSTORABLE.search(text) else str(text)


def clean_json(value: Any) -> Any:
    """The JSON value with every string in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_json(key): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def fold(text: str) -> str:
    """The words of a text as they are searched: letters, digits and single spaces.

    Compatibility forms, case, accents and harakat are gone, digits are ASCII, Arabic alef/yeh/teh marbuta/kaf forms,
    Turkish dotted and dotless i are one letter each. Folding a folded text changes nothing.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = unicodedata.normalize("NFC", text.translate(_FOLD))  # Hangul is put together again
    return " ".join(_WORDS.findall(text.lower()))


def search_words(*texts: str) -> str:
    """The folded words of title, summary and text as both full-text indexes hold them: 15,000, of 200 letters, of 230,000 in all."""
    words: list[str] = []
    for text in texts:
        # a word has one letter at least, so this many characters can never be too few for the words still wanted
        words.extend(word[:LONGEST_WORD] for word in fold(text).split()[: INDEXED_WORDS - len(words)])
        if len(words) >= INDEXED_WORDS:
            break
    joined = " ".join(words)
    return joined if len(joined) <= INDEXED_LETTERS else joined[:INDEXED_LETTERS].rpartition(" ")[0]


def short_key(key: str) -> str:
    """The key itself, or for one longer than 1,000 bytes its beginning and its SHA-256: as unique, but indexable."""
    data = clean(key).encode()
    if len(data) <= LONGEST_KEY:
        return data.decode()
    return data[:200].decode(errors="ignore") + "#sha256:" + hashlib.sha256(data).hexdigest()


def language_code(tag: str | None) -> str | None:
    """The language of a tag like "en-GB" or "ar_SY": its first part in small letters, "en"; None for none."""
    return re.split("[-_]", tag.strip().lower())[0] or None if tag else None


def audit_rank(key: str) -> float:
    """An entry's place in the lottery of audits: a number from 0 to 1 that its key alone decides, evenly spread."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48
