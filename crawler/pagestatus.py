"""What kind of page a page is: an article, whole or in part, or a page that only looks like one. PURE.

Challenge pages, consent walls, soft 404s, home pages and script shells come out of any extractor as "text". They are told by their
titles and by what they ask for, and only when there is little other text: an article may well quote a challenge page.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from crawler.pagehead import Head
from crawler.teasers import lists_others

FULL, PARTIAL, PAYWALLED, BLOCKED, NOT_ARTICLE, UNREADABLE = (
    "full",
    "partial",
    "paywalled",
    "blocked",
    "not-an-article",
    "unreadable",
)
LEAST_WORDS = 25  # fewer words are a teaser or a caption: the summary says as much
LEAST_DECLARED = 12  # of a page that declares itself an article: agencies' one-line flashes
SHORT = 150  # a page of another kind has less text than this
PAYWALL_WORDS = 250  # teasers of the paywalled pages that we measured had 40 to 200 words
HOME_PARAGRAPH = (
    25  # mean words of a home page's teasers stay below; an article at a root address has longer paragraphs
)
TITLE_ALONE = 45  # a page titled like a challenge with fewer words than this is one
TITLE_WORDS = 10  # "Page not found - Name of the site"; a headline that quotes it is longer
_CHALLENGE_TITLE = re.compile(
    r"just a moment|attention required|access (?:to this page )?(?:has been )?denied|are you (?:a )?(?:robot|human)|pardon our interruption|"
    r"ddos-guard|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|security (?:check|verification)|bot verification|"
    r"one moment, please|request (?:blocked|unsuccessful)|human verification|403 forbidden|you have been blocked|captcha|client challenge|"
    r"unavailable (?:due to|for) legal reasons",
    re.IGNORECASE,
)
_CHALLENGE_MARK = re.compile(
    rb"_cf_chl_opt|cf-chl-|cf-browser-verification|px-captcha|captcha-delivery\.com|_Incapsula_Resource|ddos-guard\.net|sucuri_cloudproxy|"
    rb"awswaf|g-recaptcha|h-captcha|cf-turnstile|/cdn-cgi/challenge-platform|distil_r_captcha|datadome|perimeterx|kasada",
    re.IGNORECASE,
)
_CHALLENGE_TEXT = re.compile(
    r"enable (?:javascript and )?cookies to continue|verify (?:that )?you are (?:a )?human|checking (?:if the site connection is secure|your browser)|"
    r"unusual traffic|automated (?:access|requests|queries)|complete the security check|ray id|access cannot be granted|reference #[\d.a-f]{8}|why have i been blocked|"
    r"تحقق من أنك (?:إنسان|لست)|robot olmadığınızı|вы не робот|kein roboter|pas un robot|no eres un robot",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"^\W*(?:error\s*)?404\b|\b404\b.{0,20}(?:not found|error)|page (?:not found|cannot be found|can.t be found|doesn.t exist|does not exist|unavailable|no longer)|"
    r"(?:article|story|content) (?:not found|no longer available|unavailable)|^\W*nothing found|file not found|"
    r"seite (?:wurde )?nicht gefunden|page (?:introuvable|non trouvée)|página no encontrada|pagina non trovata|sayfa bulunamadı|haber bulunamadı|"
    r"страница не найдена|الصفحة (?:غير موجودة|المطلوبة)|لم يتم العثور|صفحه (?:مورد نظر )?(?:یافت|پیدا) نشد|sidan (?:kunde inte|hittades)|siden (?:finnes|ble) ikke",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"before you continue|we value your privacy|your privacy (?:choices|matters)|privacy (?:preference|settings) cent|cookie (?:consent|settings|wall)|consent to (?:the use of )?cookies|"
    r"(?:we|our partners|and our) .{0,60}(?:store|access).{0,40}information on (?:a|your) device|accept all cookies|manage (?:your )?(?:consent|cookies|preferences)|"
    r"datenschutz-?einstellungen|wir und unsere (?:[\d.]{1,5} )?partner|zustimmen und weiter|akzeptieren und weiter|mit werbung (?:weiterlesen|lesen|nutzen)|"
    r"nous et nos (?:\d{1,5} )?partenaires|continuer sans accepter|nosotros y nuestros (?:\d{1,5} )?(?:socios|partners)|"
    r"çerez (?:tercih|ayar|politika)|ملفات تعريف الارتباط|настройки (?:конфиденциальности|cookie)",
    re.IGNORECASE,
)
_SHELL = re.compile(
    r"(?:enable|requires?|turn on|activate|need) javascript|javascript (?:is (?:disabled|required)|to run this app|muss|doit)|"
    r"you need to enable|(?:browser|version).{0,40}(?:not supported|outdated|out of date)|loading\s*(?:\.{3}|…)?\s*$|please wait",
    re.IGNORECASE,
)
_PAYWALL = re.compile(
    r"(?:subscribe|register|log ?in|sign (?:in|up)) to (?:continue|read|keep|unlock|access)|to (?:continue|keep) reading|this (?:article|content|story) is (?:for|reserved|exclusive|only)|"
    r"(?:for|only to|to) subscribers(?: only)?\b|subscribers? only|already a subscriber|unlock (?:this|the full) (?:article|story)|"
    r"weiterlesen mit|nur für abonnent|jetzt (?:weiterlesen|freischalten)|réservé aux abonnés|il vous reste .{0,20}à lire|pour lire la suite|"
    r"exclusivo para suscriptores|solo para suscriptores|только для подписчиков|للمشتركين فقط|aboneler(?:e|imize) özel",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"(?:…|\.\.\.|\[…\]|\[\.\.\.\])\s*$|(?:read|continue) (?:more|reading|the full (?:story|article))\W*$|اقرأ المزيد\W*$|devamı için\W*$|lire la suite\W*$",
    re.IGNORECASE,
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def count_words(text: str) -> int:
    """Words; of scripts without spaces, two letters count as one (Chinese and Japanese words have about two)."""
    dense = 0 if text.isascii() else len(_CJK.findall(text))
    return len(_CJK.sub(" ", text).split()) + dense // 2 if dense else len(text.split())


def refusal(body: bytes, tree: Any, head: Head, text: str, words: int, url: str | None) -> tuple[str, str] | None:
    """The status and the reason of a page that is no article; None for an article. `text` is what was extracted, so many words."""
    if words < SHORT:
        return _refused_as_short(body, tree, head, text, words)
    if not head.says_article() and _titled_as_missing(_document_title(tree), head.title or ""):
        return NOT_ARTICLE, "a page that says that it was not found"  # whatever it lists instead
    if _is_home(head, url) and words < HOME_PARAGRAPH * (text.count("\n") + 1):
        return NOT_ARTICLE, "a home page"
    if not head.says_article() and lists_others(tree, text, url):
        return NOT_ARTICLE, "a list of articles"
    return None


def _titled_as_missing(*titles: str) -> bool:
    """Whether both the document's title and its headline say so, and one in words: "404 killed in storm" is a headline."""
    found = [_MISSING.search(title) if len(title.split()) <= TITLE_WORDS else None for title in titles]
    return all(found) and any(re.search(r"[^\W\d_]", one[0]) for one in found if one)


def _refused_as_short(body: bytes, tree: Any, head: Head, text: str, words: int) -> tuple[str, str] | None:
    shown = visible(tree)
    if not head.says_article() and (refused := _refused_by_title(body, tree, text, shown, words)):
        return refused
    if words < LEAST_WORDS and _MISSING.search(shown):
        return NOT_ARTICLE, "a page that says that it was not found"
    heading = f"{_document_title(tree)}\n{head.title or ''}"
    if not head.says_article() and _CONSENT.search(heading + "\n" + (text or shown)):
        return NOT_ARTICLE, "a consent page"
    if _is_home(head, None):
        return NOT_ARTICLE, "a home page"
    least = LEAST_DECLARED if head.says_article() else LEAST_WORDS
    if words >= least and not (words < 60 and _SHELL.search(text)):
        return None
    if words and _PAYWALL.search(shown):
        return PAYWALLED, "only a paywall's teaser"
    return NOT_ARTICLE, "a page that needs a script" if _SHELL.search(shown) or len(
        shown
    ) < 40 else f"only {words} words"


def _refused_by_title(body: bytes, tree: Any, text: str, shown: str, words: int) -> tuple[str, str] | None:
    """Challenges and missing pages, by their titles. A short report on a "security check" is told by its text."""
    title = _document_title(tree)
    marked = bool(_CHALLENGE_MARK.search(body))
    named = bool(_CHALLENGE_TITLE.search(title))
    asks = bool(_CHALLENGE_TEXT.search(shown))
    if (named and (words < TITLE_ALONE or asks or marked)) or (marked and asks):
        return BLOCKED, "a challenge page"
    if _MISSING.search(title) and len(title.split()) <= TITLE_WORDS:
        return NOT_ARTICLE, "a page that says that it was not found"
    return None


def _document_title(tree: Any) -> str:
    return next(("".join(element.itertext()) for element in tree.iter("title")), "")[:300]


def _is_home(head: Head, url: str | None) -> bool:
    """Whether the page is its site's front: by its address, or because it calls itself a website at the root and no article."""
    if url is not None and urlsplit(url).path in ("", "/") and not urlsplit(url).query and not head.node:
        return True
    claims = [value.lower() for value in head.metas.get("og:type", ())]
    at_root = urlsplit(head.canonical_url).path in ("", "/") if head.canonical_url else False
    return at_root and "website" in claims and not head.node and head.published_at is None


def article_status(tree: Any, head: Head, text: str, words: int) -> str:
    """Of an article's page: full, partial or paywalled."""
    closed = _closed(head)
    is_cut = words < PAYWALL_WORDS and bool(_CUT.search(text))
    if (closed and words < PAYWALL_WORDS) or (is_cut and _PAYWALL.search(visible(tree)[-60_000:])):
        return PAYWALLED
    declared = head.node.get("wordCount")
    whole = (
        int(declared) if isinstance(declared, int | str) and str(declared).isdecimal() and len(str(declared)) < 7 else 0
    )
    if is_cut or words < whole * 0.5:
        return PAYWALLED if closed else PARTIAL
    return FULL


def _closed(head: Head) -> bool:
    """Whether the publisher says that the article is not free (schema.org isAccessibleForFree, and content tiers)."""
    said = [head.node.get("isAccessibleForFree")]
    tiers = [value.lower() for value in head.metas.get("article:content_tier", ())]
    return any(str(value).lower() == "false" for value in said) or "locked" in tiers


def visible(tree: Any) -> str:
    """The first of the page's visible text, of scripts and styles nothing."""
    parts: list[str] = []
    size = 0
    for element in tree.iter():
        if (
            isinstance(element.tag, str)
            and element.tag not in ("script", "style", "template", "head", "title", "meta")
            and element.text
        ):
            parts.append(element.text)
            size += len(element.text)
        if element.tail:
            parts.append(element.tail)
            size += len(element.tail)
        if size > 200_000:
            break
    return " ".join(" ".join(parts).split())
