"""What the judge sees beside the names: other bearers throughout a text, lists, rivals, the richest paragraph, words behind the last name."""

from __future__ import annotations

import pytest
from shipped_judge import JUDGE

from crawler.classify.document import Feature

WEATHER = "Rain is expected over the northern valleys, the weather service said. Drivers should leave more time. "


def seen(topic: str, title: str, text: str, language: str = "en") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)[topic]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Agency warns of false Afrin nasal spray", "Bottles that were labelled Afrin held no medicine."),
        (
            "Helicopter joins the search",
            "The Self-Defense Forces sent 200 troops. An SDF spokesman said roads were cut.",
        ),
        ("Aleppo Township approves a bond", "The supervisors voted for it. Aleppo has 1,900 residents."),
        ("Damascus, Maryland, gets a library", "Damascus will open it in May."),
        ("SDF loans help farmers", "The Small Dairy Fund lent 900 crore. A member called the SDF a vote bank."),
        ("Fire in a café", "The Palmyra Bar burned. Palmyra's owner was away."),
        ("New headings of the Harmonized Tariff Schedule", "Brokers say the HTS delays goods at the border."),
    ],
)
def test_a_name_that_another_bears_in_the_text_means_that_one_throughout(title: str, text: str) -> None:
    assert set(seen("syria", title, text)) == {"none"}


def test_letters_that_the_lexicon_knows_by_their_full_name_stand_for_that() -> None:
    text = "The Syrian Democratic Forces said on Monday that six had died. The SDF holds the dam."
    assert "none" not in seen("syria", "SDF reports six dead", text)


def test_another_bearer_does_not_hide_the_country() -> None:
    found = seen("syria", "Afrin nasal spray is short", "Pharmacies in Afrin, in northern Syria, have none left.")
    assert "none" not in found


@pytest.mark.parametrize(
    ("text", "language", "named"),
    [
        ("La maison tisse encore le damas de ses aïeux à Lyon.", "fr", False),
        ("Le vol pour Damas est parti mardi.", "fr", True),
        ("air strikes hit damascus on tuesday, a monitor said.", "en", True),  # a text without capitals tells nothing
        ("la ciudad siria fue bombardeada; siria respondió.", "es", True),
    ],
)
def test_a_place_in_small_letters_is_another_word_where_others_have_capitals(
    text: str, language: str, named: bool
) -> None:
    assert ("none" not in seen("syria", "", text, language)) == named


def test_the_article_before_the_organisation_s_name_makes_it_no_other_state() -> None:
    branch = "An Islamic State affiliate has claimed responsibility for an attack on a temple in Kabul."
    assert "none" not in seen("isis", "", branch)
    assert "none" in seen("isis", "", "The party wants an Islamic state ruled by scholars.")


def test_the_arabic_and_that_sticks_to_a_name_makes_a_list() -> None:
    listed = seen(
        "isis",
        "قائمة جديدة",
        "أدرجت الوزارة ثماني عصابات في القائمة التي تضم القاعدة وطالبان وداعش وحزب الله والشباب.",
        "ar",
    )
    assert listed["in-list"].value == 1.0


def test_others_of_its_kind_are_told_from_countries() -> None:
    text = "The strike hit a base in the north, where the group is fighting Islamic State militants."
    rival = seen("isis", "Air strike kills eight Hezbollah fighters", text)
    assert rival["title-rival-alone"].value == 1.0
    assert "title-peer-alone" not in rival
    country = seen("isis", "Germany changes its budget", text)
    assert country["title-peer-alone"].value == 1.0
    assert "title-rival-alone" not in country


def test_others_of_its_kind_in_the_same_sentence_are_told_from_those_elsewhere() -> None:
    together = "Groups linked to al-Qaida and Islamic State have held the north for a decade, a report said. "
    apart = "Groups linked to al-Qaida were named. Islamic State has held the north for a decade, a report said. "
    assert seen("isis", "Army kills 50 civilians", together)["rival-beside"].value == 1.0
    assert "rival-beside" not in seen("isis", "Army kills 50 civilians", apart)


def test_what_the_title_names_is_meant_by_the_first_words_of_the_text() -> None:
    found = seen("isis", "Islamic State militants killed in the desert", "The group held a village for two days.")
    assert found["echo"].value == 1.0
    assert "echo" not in seen(
        "isis", "Militants killed", "The group held a village. " + WEATHER + "Islamic State fled."
    )


def test_a_rich_paragraph_is_told_from_a_passing_sentence() -> None:
    passing = WEATHER * 3 + "\nThe town was once held by Islamic State.\n" + WEATHER * 3
    rich = (
        WEATHER * 3 + "\nIslamic State claimed the suicide bombing and executed two hostages; its fighters raided a prison "
        "and pledged allegiance to a caliph.\n" + WEATHER * 3
    )  # fmt: skip
    assert seen("isis", "Rain", rich)["rich"].value > 2 * seen("isis", "Rain", passing).get("rich", Feature(0.0)).value


def test_words_behind_the_last_name_do_not_count() -> None:
    text = "Terrorists attacked a hotel. " + WEATHER + "Islamic State was named by a witness. " + WEATHER
    before = seen("isis", "Rain", text)
    after = seen("isis", "Rain", text + "\nA suicide bombing, a massacre and a beheading were told of elsewhere.")
    assert before["context-apart"].value > 0
    assert after["context-apart"].value == before["context-apart"].value


def test_a_paragraph_of_its_own_is_told_from_the_text_s_first_and_from_a_passing_sentence() -> None:
    own = "Islamic State fighters burned nine villages in May. The militants pledged to come back, and forty hostages are still held in the hills above the river, said a commander."
    mixed = own + " " + WEATHER * 2
    found = seen("isis", "The week", f"{WEATHER}\n{own}\n{WEATHER}")
    assert (found["own-paragraph"].value, found["opens-paragraph"].value) == pytest.approx((1.585, 1.0), abs=0.001)
    assert "own-paragraph" not in seen("isis", "The week", f"{own}\n{WEATHER}")
    assert "own-paragraph" not in seen("isis", "The week", f"{WEATHER}\n{mixed}")
    assert "own-paragraph" not in seen("isis", "The week", f"{WEATHER} {own}")


def test_who_is_named_before_tells_whose_story_it_is() -> None:
    rest = "Islamic State fighters hold the north as well."
    found = seen("isis", "A siege", f"Al-Shabaab fighters took the town at dawn. Traders fled by boat. {rest}")
    assert (found["rival-first"].value, found["sentences-before"].value) == pytest.approx((1.0, 1.585), abs=0.001)
    assert "rival-first" in seen("isis", "Al-Shabaab takes a town", rest)
    assert "rival-first" not in seen("isis", "A siege", f"{rest} Al-Shabaab took the town.")
    assert "rival-first" not in seen("isis", "A siege", f"Al-Shabaab took the town.\n{rest}")  # a paragraph of its own
    assert "rival-first" not in seen("isis", "Islamic State takes a town", f"Al-Shabaab fled at dawn. {rest}")


def test_a_word_does_not_support_the_name_that_holds_it() -> None:
    text = "A scholar shows that letters about the caliphate of a lost town were written by a clerk in a northern port."
    assert "none" in seen("isis", "The caliphate that never was", text)
    assert "none" not in seen("isis", "The caliphate that never was", text + " Extremists held hostages there.")


WAR = "Shells killed nine people in Idlib. Rockets hit Hama and fighters stormed a base. Air strikes killed four near Homs. "


def test_a_name_in_one_of_many_sentences_of_war_is_drowned() -> None:
    aside = f"{WAR}Further east Islamic State militants attacked a checkpoint."
    story = f"{WAR}Islamic State militants attacked a checkpoint. The Islamic State group executed ten. Islamic State militants claimed the raid."
    few, many = seen("isis", "Rebels advance in the north-west", aside), seen("isis", "Rebels advance", story)
    assert few["drowned"].value > many.get("drowned", Feature(0)).value
    assert "drowned" not in seen("isis", "Islamic State kills ten in the east", aside)


def test_what_stands_behind_the_last_name_drowns_nothing() -> None:
    text = "Islamic State militants attacked a checkpoint. "
    assert "drowned" not in seen("isis", "Checkpoint attacked", text + WAR)


def test_what_a_group_came_from_is_no_rival_of_it() -> None:
    text = "The Islamic State of Iraq said it carried out the bombings that killed forty."
    rival = seen("isis", "Al-Qaeda claims attacks in Baghdad", text)
    kin = seen("isis", "Al-Qaeda offshoot claims attacks in Baghdad", text)
    assert "title-rival-alone" in rival
    assert "title-rival-alone" not in kin


def test_an_attack_in_a_text_that_names_nobody_is_told_from_one_that_does() -> None:
    title = "Attentat du Bataclan : le musée ouvre"
    assert "event-only" in seen("isis", title, "Une salle raconte le 13-Novembre.", "fr")
    assert "event-only" not in seen("isis", title, "Une salle montre la revendication de Daech.", "fr")


def test_a_name_in_the_lead_s_characters_behind_three_sentences_stands_behind_the_lead() -> None:
    aside = "Rockets hit a school. Nine died. The army struck back. In the east, Islamic State militants took a well."
    assert "behind-lead" in seen("isis", "Rockets kill nine in Aleppo", aside)
    assert "behind-lead" not in seen(
        "isis", "Rockets kill nine", "Rockets hit a school. Islamic State militants took a well."
    )


def test_the_word_is_before_group_names_nobody() -> None:
    text = "The largest sponsor is group Norda, said the mayor."
    assert set(seen("isis", "A sponsor for the pool", text)) == {"none"}
    assert "none" not in seen("isis", "Raid in Mosul", "The IS group said it killed six soldiers near Mosul.")
