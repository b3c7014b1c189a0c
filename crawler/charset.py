"""Bytes to text, decided by the bytes first and by what is declared second. PURE, never raises.

Servers declare wrongly more often than bytes look like valid UTF-8 by accident: a text of more than a few non-ASCII letters in any
other encoding is not valid UTF-8. So: byte order mark, zero bytes of UTF-16, valid UTF-8, then the document's declaration, the header's,
then the Arabic or Cyrillic code page of Windows if the letters are those, and last UTF-8 with its stray bytes read as Windows-1252.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Names under which browsers read a superset, or that Python does not know (WHATWG Encoding, section 4.2)
_READ_AS = {
    "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252",
    "iso-8859-9": "cp1254", "latin5": "cp1254", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "x-sjis": "cp932",
    "shift_jis": "cp932", "sjis": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "x-cp1251": "cp1251", "x-cp1252": "cp1252",
    "iso-8859-8-i": "cp1255", "iso-8859-6-i": "iso-8859-6", "unicode": "utf-8", "utf8": "utf-8", "x-euc-jp": "euc-jp",
    "tis-620": "cp874", "win-1251": "cp1251", "windows1251": "cp1251", "windows1256": "cp1256",
}  # fmt: skip
_XML = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_META = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_HIGH = bytes(range(0x80, 0x100))
_HEAD_BYTES = 4096  # browsers look for a declaration in the first 1,024; pages with long heads put it later
_ARABIC_ARTICLE = b"\xc7\xe1"  # "al" in Windows-1256: every tenth word; in Western text nothing
_CYRILLIC = re.compile(rb"[\xe0-\xff]{4,}")  # four small letters of Windows-1251; in Western text accents stand alone
_VOWELS = (b"\xe0", b"\xe5", b"\xee")  # а, е, о in Windows-1251: a quarter of Russian; not of Greek or Hebrew
_STATEFUL = ("iso-2022-jp", "iso2022_jp", "hz", "hz-gb-2312")  # pure ASCII bytes that mean other letters
_CODECS = frozenset(
    {"utf-7", "utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
)  # not for documents


def decode(body: bytes, *, content_type: str | None = None) -> str:
    """The text of a document in XML or HTML. A byte that fits no reading becomes U+FFFD or its Windows-1252 letter."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace" if name != "utf-8" else "cp1252_strays")
    if wide := _wide(body):
        return body.decode(wide, "replace")
    declared = list(_declared(body, content_type))
    if declared and declared[0].lower() in _STATEFUL:
        return body.decode(declared[0], "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    for name in declared:
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    if declared and declared[0] != "utf-8":  # a stray byte or a cut at the end must not cost the whole reading
        return body.decode(declared[0], "replace")
    if silent := _by_letters(body):
        return body.decode(silent, "replace")
    return body.decode("utf-8", "cp1252_strays")


def _by_letters(body: bytes) -> str | None:
    """The code page of a text that is no UTF-8 although it says so, or says nothing: of Arabic or Cyrillic letters, if it is of these."""
    letters = len(body) - len(body.translate(None, _HIGH))
    if body.count(_ARABIC_ARTICLE) >= max(3, letters / 50):
        return "cp1256"
    small = b"".join(_CYRILLIC.findall(body))
    vowels = sum(map(small.count, _VOWELS))
    return "cp1251" if len(small) >= max(20, letters / 2) and vowels >= 0.22 * len(small) else None


def _wide(body: bytes) -> str | None:
    """UTF-16 without a mark, by the zero bytes around the first characters, which are markup."""
    head = body[:8]
    if head[:1] and head[1::2] == b"\0" * 4 and b"\0" not in head[::2]:
        return "utf-16-le"
    if head[1:2] and head[::2] == b"\0" * 4 and b"\0" not in head[1::2]:
        return "utf-16-be"
    return None


def _declared(body: bytes, content_type: str | None) -> Iterable[str]:
    """What the document, then the header, say; known names only, in Python's spelling."""
    head = body[:_HEAD_BYTES]
    for pattern in (_XML, _META):
        if (found := pattern.search(head)) and (name := _known(found.group(1).decode("ascii"))):
            yield name
    if content_type and (said := _HEADER.search(content_type)) and (name := _known(said.group(1))):
        yield name


def _known(name: str) -> str | None:
    name = name.strip().lower()
    name = _READ_AS.get(name, name)
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    is_text = getattr(codec, "_is_text_encoding", True)
    if not is_text or codec.name in _CODECS or codec.name.startswith(("utf-16", "utf-32")):
        return None  # a declaration that could be read as ASCII is no UTF-16
    return codec.name


def _strays(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8 read as Windows-1252: whole pages of it are declared as UTF-8, and single bytes are pasted into UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("cp1252_strays", _strays)
