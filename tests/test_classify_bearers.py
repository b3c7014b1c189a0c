"""Other bearers that no list knows: names without a word of war or state, inside longer names, among everyday life."""

from __future__ import annotations

import pytest
from shipped_judge import JUDGE

from crawler.classify.document import Feature


def seen(title: str, text: str, language: str = "en") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)["syria"]


def kept(title: str, text: str, language: str = "en") -> bool:
    return any(one.matched for one in JUDGE.judge(title=title, text=text, language=language))


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Damascus wins at the buzzer", "Two late baskets took the team past Brunswick. The coach praised the defence of Damascus.", "en"),
        ("Le lycée Damas ferme", "La chaudière est en panne au lycée Damas. Les élèves rentreront lundi.", "fr"),
        ("Кафе «Дамаск» закрыли", "Повар готовил без перчаток. Владелец «Дамаска» обещал ремонт.", "ru"),
        ("Siria Bellini gioca in casa", "La schiacciatrice torna in campo domenica. Per Siria Bellini è la centesima partita.", "it"),
    ],
)  # fmt: skip
def test_a_name_among_everyday_life_is_another_s(title: str, text: str, language: str) -> None:
    assert not kept(title, text, language)


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Ovens lit again in Damascus", "Bakers in Damascus had waited for flour since the war. It now comes from the government's stores.", "en"),
        ("Restaurants rouvrent à Damas", "Après la chute du régime, les cuisiniers reviennent et les sanctions tombent.", "fr"),
    ],
)  # fmt: skip
def test_a_word_of_war_or_state_takes_the_doubt_away(title: str, text: str, language: str) -> None:
    assert kept(title, text, language)


def test_a_bare_name_is_doubted_the_less_the_more_words_fit() -> None:
    text = "The lights came on at seven and the square filled with people who had waited for it all day long."
    none, state, war = (
        seen("Damascus lights up", text + more)["bare"].value
        for more in ("", " An embassy opened.", " Sarin was named.")
    )
    assert (none, state, war) == pytest.approx((1.0, 0.6, 0.5))
    assert "bare" not in seen("Damascus lights up", text + " The rebels and the army fled.")
    assert seen("Evening in Damascus", text)["bare"].value == seen("Damascus: lights up", text)["bare"].value == 0.5


def test_a_bare_name_is_doubted_the_more_often_it_stands_there() -> None:
    text = "The lights came on at seven and the square filled with people who had waited for it all day long."
    assert seen("Damascus lights up", text + " Damascus shone.")["bare"].value > 1.5


def test_places_of_other_countries_speak_against_a_name_until_words_fit() -> None:
    text = (
        "Nurses from {} came to the ward, and a choir from Kerala sang for all who had waited there since the morning."
    )
    assert seen("A day with Raqqa", text.format("Lahore"))["abroad"].value > 1.5
    assert "abroad" not in seen("A day with Raqqa", text.format("Lahore and Idlib") + " The rebels and the army fled.")
    assert "abroad" not in seen("Syrians at the ward", text.format("Lahore"))  # people live everywhere


def test_in_an_article_a_name_alone_is_an_aside_not_another_bearer() -> None:
    text = (
        "Nurses from Lahore came to the ward, and a choir from Kerala sang for all who had waited since the morning. "
    )
    assert {"bare", "abroad"} <= seen("A day with Raqqa", text).keys()
    assert {"bare", "abroad"} <= seen("A day with Raqqa", text * 4).keys()  # the title alone has it
    assert not {"bare", "abroad"} & seen("A day at the ward", text * 4 + "One of them was called Raqqa.").keys()


def test_a_country_that_a_title_names_is_meant_among_others() -> None:
    text = "Nurses from Lahore came to the ward, and a choir from Kerala sang for all who had waited for {} there."
    assert seen("A day at the ward", text.format("Syria"))["abroad-land"].value > 1.0
    assert not {"abroad", "abroad-land"} & seen("A day with Syria", text.format("hours")).keys()
    assert seen("A day at the ward", text.format("Syria Mason"))["abroad"].value > 1.0


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Brigadier Asad Lodhi freed", "The army of Pakistan held him for a year in a prison near Lahore. Rebels had shelled his troops in Balochistan.", "en"),
        ("Motín en Palmira", "Los presos de la cárcel colombiana tomaron rehenes, y el ejército bombardeó el patio. Hubo muertos en Palmira, dijo Bogotá.", "es"),
    ],
)  # fmt: skip
def test_a_doubtful_name_alone_among_war_abroad_is_another_s(title: str, text: str, language: str) -> None:
    assert not kept(title, text, language)


def test_a_name_alone_is_doubted_by_what_stands_beside_it_whatever_words_fit() -> None:
    text = "The army shelled the town, the rebels fled, and {} spoke to reporters in {} after the siege."
    assert {"stranger", "alone-weak", "alone-leader", "abroad"} <= seen("", text.format("Assad Lodhi", "Lahore")).keys()
    assert not {"stranger", "abroad"} & seen("", text.format("Assad", "Ankara")).keys()
    assert "alone-weak" not in seen("", text.format("Bashar al-Assad", "Lahore"))
    assert "alone-weak" not in seen("", text.format("Assad", "Lahore and Idlib"))


def test_another_topic_in_the_text_takes_the_doubt_away() -> None:
    text = "She joined Islamic State militants in 2015, and says that she is out of sight and out of mind in a camp in Syria."
    assert "bare" not in seen("A mother speaks", text)
    assert "bare" in seen("A mother speaks", text.replace("Islamic State militants", "a choir"))


def test_words_behind_the_last_name_do_not_take_the_doubt_away() -> None:
    text = "The lights came on at seven and the square of Damascus filled with people who had waited all day.\n"
    assert seen("", text + "Elsewhere the army shelled a town and the president fled.")["bare"].value == 1.0


def test_a_word_with_a_capital_beside_a_name_makes_it_a_part_of_another() -> None:
    text = "The nurses of the ward cried when the girl came in with her plaits in a bag, and so did her mother. Then {} left."
    assert "part" in seen("", text.format("Syria Mason"))
    assert "part" not in seen("", text.format("Syria"))
    assert "part" not in seen(
        "A Girl Cuts Off Her Plaits",
        "When The Girl Came In With Syria Mason Everybody Cried A Lot Today And Then Left Again.",
    )


def test_a_doubtful_name_of_a_person_needs_more_in_a_longer_name() -> None:
    assert "none" in seen("Esad Yılmaz belediye başkanı oldu", "Yılmaz park sözü verdi.", "tr")


def test_a_word_before_a_place_puts_it_elsewhere() -> None:
    assert set(seen("La rue de Damas aura des arbres", "Les riverains sont contents.", "fr")) == {"none"}
    assert "none" not in seen(
        "Une rue de Damas sous les bombes", "Damas a été frappée trois fois, dit un rebelle à Alep.", "fr"
    )


def test_a_stop_parts_a_name_from_the_state_behind_it_and_its_people_are_not_called_after_a_town() -> None:
    text = "He opened his state to Syrian refugees{} Michigan is home to many. Governors asked for a halt, though the refugees from Syria are vetted twice."
    assert "none" not in seen("A governor on refugees", text.format("."))
    assert "none" not in seen("A governor on refugees", text.format(","))
    assert set(seen("The council of Syria, Michigan", "Syria, Michigan, gets a new bridge. Syria pays half.")) == {
        "none"
    }


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Car crash on the ring road", "An ambulance took a Syrian pedestrian to hospital. The lorry had hit the Syrian at a crossing, police said.", "en"),
        ("Zusammenstoß am Kreisel", "Der Rettungswagen kam nach zehn Minuten. Ein syrischer Radfahrer war von einem Lastwagen erfasst worden.", "de"),
        ("Collision sur la rocade", "Les pompiers ont secouru un cycliste syrien renversé par un poids lourd. Le piéton syrien est indemne.", "fr"),
        ("Feci kaza", "Kamyonun çarptığı Suriyeli yaya ambulansla hastaneye götürüldü. Sürücü kaçtı.", "tr"),
        ("حادث مروري على الطريق السريع", "صدمت شاحنة عاملا سوريا فنقله الإسعاف إلى المستشفى.", "ar"),
    ],
)  # fmt: skip
def test_an_accident_abroad_is_local_news_whatever_country_the_hurt_come_from(
    title: str, text: str, language: str
) -> None:
    found = seen(title, text, language)
    assert found["title-mishap"].value == 1.0
    assert not kept(title, text, language)
    war = {"en": "Assad", "de": "Assad", "fr": "Assad", "tr": "Esad", "ar": "بشار الأسد"}[language]
    assert "title-mishap" not in seen(title, f"{text} {war}.", language)


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("A clinic opens in Homs", "Nurses had waited for the machines since spring. Patients came from the villages at dawn that day.", "en"),
        ("Une clinique ouvre à Homs", "Les infirmières attendaient les machines depuis le printemps. Les patients sont venus dès l'aube.", "fr"),
        ("Homs: a clinic opens", "Nurses had waited for the machines since spring. Patients came from the villages at dawn that day.", "en"),
        ("عيادة تفتح قرب مدينة طرطوس", "انتظرت الممرضات الأجهزة منذ الربيع. وجاء المرضى من القرى عند الفجر.", "ar"),
        ("Humus'ta klinik açıldı", "Hemşireler bahardan beri makineleri bekliyordu. Hastalar sabahın erken saatlerinde geldi.", "tr"),
    ],
)  # fmt: skip
def test_what_happens_in_a_place_supports_its_doubtful_name(title: str, text: str, language: str) -> None:
    assert seen(title, text, language)["there"].value == 1.0
    assert "there" not in seen("Homs wins", "The army shelled the town, and Homs shot twice after the siege.", language)


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Mass grave opened in Homs", "Workers laying a pipe came upon the bones. The street is closed.", "en"),
        ("Homs : un immeuble s'effondre", "Des obus l'avaient touché. On cherche deux enfants sous les décombres.", "fr"),
        ("Assad vu à Moscou", "L'ancien président sortait d'une clinique. Le Kremlin se tait.", "fr"),
        ("الأسد يظهر في موسكو", "نشرت قناة صورة له. ولم يعلق الكرملين.", "ar"),
    ],
)  # fmt: skip
def test_lines_on_a_town_or_the_fallen_president_alone_are_kept(title: str, text: str, language: str) -> None:
    assert kept(title, text, language)


def test_quotation_marks_around_a_name_by_itself_speak_against_it() -> None:
    text = "The crew left the {} at dawn, and the harbour master had the hull looked at by two divers before the tide."
    for name in ('"Aleppo"', "“Aleppo”", "«Aleppo»", "'Aleppo'"):
        assert seen("", text.format(name))["quoted"].value == 1.0
    assert "quoted" not in seen("", text.format("Aleppo"))
    assert "quoted" not in seen("", text.format('"Aleppo bride"'))


def test_what_a_text_spells_out_otherwise_is_not_what_goes_on_from_its_letters() -> None:
    title = "SDF chief detained after a clash"
    assert not kept(
        title, "Troops besieged the office of the Social Democratic Forum. The SDF wants a civilian government."
    )
    assert kept(
        title, "Troops besieged the office of the Syrian Democratic Forces. The SDF wants a civilian government."
    )


def test_countries_that_have_no_part_put_a_name_elsewhere_and_those_of_the_coalition_do_not() -> None:
    text = "A firm from {} won the contract for the harbour of Raqqa, and the terminal will be dredged for larger ships soon."
    assert seen("", text.format("Kenya"))["abroad"].value == 1.0
    assert "abroad" not in seen("", text.format("France"))
