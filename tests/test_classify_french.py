"""French reports on ISIS by kind of case: what names it, what only stands beside it. Every sentence is invented."""

from __future__ import annotations

import pytest
from shipped_judge import JUDGE

from crawler.classify import Verdict
from crawler.classify.document import Feature


def isis(title: str, text: str = "", language: str = "fr") -> Verdict:
    verdicts = JUDGE.judge(title=title, text=text, language=language)
    return next(one for one in verdicts if one.topic == "isis")


def seen(title: str, text: str, language: str = "fr") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)["isis"]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("L'EI revendique l'explosion d'un minibus à Kaboul", ""),
        ("Ils avaient prêté allégeance à l'EI : six interpellations", ""),
        ("Elle avait rejoint l'EI à dix-sept ans", "La jeune femme sera jugée en mars."),
        ("L'OEI s'en prend à un marché du Borno", "Les jihadistes de l'OEI ont tué neuf marchands, selon un élu."),
        ("Trente soldats tués à l'ouest de Niamey", "L'EIS a mené l'assaut, disent des sources militaires au Niger."),
        (
            "Rapatriement : douze enfants et quatre mères reviennent",
            "Ils vivaient à Roj depuis la chute du califat. Leurs mères ont été mises en examen.",
        ),
        ("Le procès du 13-Novembre reprend lundi", "La cour entend trois enquêteurs belges. L'audience est filmée."),
        (
            "Partie faire le djihad en Syrie à dix-huit ans, elle est jugée à Lille",
            "La prévenue a vécu trois ans dans la zone irako-syrienne. Le parquet requiert six ans.",
        ),
    ],
)
def test_it_is_known_by_what_french_reports_call_it_and_its_people(title: str, text: str) -> None:
    assert isis(title, text).matched


@pytest.mark.parametrize(
    ("title", "text"),
    [
        (
            "Burkina : le prix du mil double à Dori",
            "Les routes sont coupées. Le nord est la proie de groupes liés à Al-Qaïda et au groupe État islamique. Les ONG demandent des camions.",
        ),
        (
            "Le cabinet israélien se réunit mardi",
            "« Le Hamas, c'est Daech », a lancé un ministre. Gaza a été bombardée.",
        ),
        (
            "Le maire compare les casseurs à une armée",
            "« Ils agissent à l'image de l'État islamique », a-t-il osé. L'opposition proteste.",
        ),
        ("Ituri : neuf villageois tués par les ADF", "Des combattants des ADF ont attaqué le village à la machette."),
        ("EI ou SASU : quel statut choisir ?", "L'entreprise individuelle (EI) séduit les artisans."),
        ("À Philae, le temple d'Isis rouvre la nuit", "Les visiteurs entrent par le kiosque."),
    ],
)
def test_what_only_names_it_beside_others_is_no_match(title: str, text: str) -> None:
    assert not isis(title, text).matched


def test_a_full_name_and_its_short_form_in_brackets_are_one_name() -> None:
    text = "Un ancien du groupe État islamique (EI) a ouvert un garage."
    assert seen("Un garage pour Diffa", text)["paragraph"].value == 1.0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Des groupes affiliés à Al-Qaïda et au groupe État islamique attaquent le nord.", "fr"),
        ("Armed groups affiliated with al-Qaeda or the Islamic State group raid the north.", "en"),
    ],
)
def test_a_tie_to_two_groups_at_once_claims_no_deed_for_one(text: str, language: str) -> None:
    assert "claim" not in seen("", text, language)
    alone = text.replace("Al-Qaïda et au ", "").replace("à groupe", "au groupe").replace("al-Qaeda or ", "")
    assert "claim" in seen("", alone, language)


def test_a_militia_that_some_tie_to_it_counts_where_it_is_named() -> None:
    raid = "Des rebelles ADF ont tué douze civils près de Beni. Les combattants ont incendié des maisons, attaqué un convoi et enlevé des otages."
    assert set(seen("", raid)) == {"none"}
    assert "none" not in seen("", f"{raid} L'armée traque ces ADF affiliés à l'État islamique.")


def test_a_claim_is_told_though_the_name_is_short() -> None:
    assert "claim" in seen("", "L'attaque a été revendiquée par l'EI mardi soir.")
