from __future__ import annotations

import pytest

from syphus.core.languages import LANGUAGES, TARGETS
from syphus.translation.checks import Finding, check_translation

SOURCE = "Two people are walking towards the red car."
TEXTS = {
    "zh": "两个人正朝着红色汽车走去。",
    "ja": "2人が赤い車に向かって歩いています。",
    "es": "Dos personas caminan hacia el coche rojo.",
    "de": "Zwei Personen gehen auf das rote Auto zu.",
    "fr": "Deux personnes marchent vers la voiture rouge.",
    "ko": "두 사람이 빨간 차를 향해 걸어가고 있습니다.",
    "ar": "يسير شخصان نحو السيارة الحمراء.",
    "en": "Two persons walk in the direction of a car that is red.",
}


@pytest.mark.parametrize("field", TARGETS)
@pytest.mark.parametrize("found", [*TARGETS, "en"])
def test_each_language_passes_in_its_own_field_alone(field: str, found: str) -> None:
    """A text in the field of another language is refused, and both languages are named."""
    finding = check_translation(SOURCE, TEXTS[found], field)
    if found == field:
        assert finding == Finding()
        return
    name = {"en": "English", "zh": "Chinese"}.get(found) or LANGUAGES[found].name
    assert finding.reason == f"it is not {LANGUAGES[field].name} but {name}"


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("es", "Duas pessoas caminham em direção ao carro vermelho.", "not Spanish but Portuguese"),
        ("es", "Dues persones caminen cap al cotxe vermell.", "not Spanish but Catalan"),
        ("fr", "Due persone camminano verso la macchina rossa.", "not French but Italian"),
        ("de", "Twee mensen lopen naar de rode auto toe.", "not German but Dutch"),
        ("ar", "دو نفر به سمت ماشین قرمز در حال راه رفتن هستند.", "it is not Arabic but Persian"),
        ("zh", "兩個人正朝著紅色汽車走去。", "it is traditional Chinese"),
        ("ja", "兩個人正朝著紅色汽車走去。", "not Japanese but Chinese"),
        ("zh", "Два человека идут к красной машине.", "not Simplified Chinese but another"),
        ("de", "Два человека идут к красной машине.", "not German but another language"),
    ],
)
def test_neighbours_are_refused(language: str, text: str, reason: str) -> None:
    """Languages that nobody asked for are refused where they look like the wanted one."""
    finding = check_translation(SOURCE, text, language)
    assert reason in (finding.reason or "")


@pytest.mark.parametrize(
    ("source", "language", "text"),
    [
        ("Install PostgreSQL and Django.", "zh", "安装 PostgreSQL 和 Django。"),
        ("The sign says “Keep Out”.", "ja", "看板には「Keep Out」と書かれています。"),
        ("He writes 出口 on the wall.", "es", "Escribe 出口 en la pared."),
        (
            "The poster shows Totoro.",
            "zh",
            "墙上挂着一张宫崎骏的动画电影《となりのトトロ》的大幅海报。",
        ),
        ("Click `git push --force-with-lease origin main`.", "ar", "انقر."),
        ("A 1080p HDMI monitor by Samsung", "ko", "삼성 1080p HDMI 모니터"),
        ("The emperor Qianlong", "zh", "乾隆皇帝"),
    ],
)
def test_names_and_terms_inside_do_no_harm(source: str, language: str, text: str) -> None:
    """Names, units and quotations in other letters don't make a text another language."""
    reason = check_translation(source, text, language).reason or ""
    assert "it is" not in reason


@pytest.mark.parametrize(
    ("source", "language", "text"),
    [
        ("Yes.", "es", "Sí."),
        ("OK", "zh", "OK"),
        ("42", "ar", "42"),
        ("Paris", "zh", "Paris"),
        ("tennis", "fr", "tennis"),
        ("Red car", "ja", "赤車"),
    ],
)
def test_short_texts_are_let_through_and_say_so(source: str, language: str, text: str) -> None:
    """A text too short to tell its language is no fault, and is marked."""
    assert check_translation(source, text, language) == Finding(unjudged=True)


def test_a_short_text_in_a_wrong_script_is_refused() -> None:
    """A few letters tell their script, if not their language."""
    assert (
        check_translation("Yes.", "Sí", "zh").reason == "it is not Simplified Chinese but Spanish"
    )
    assert check_translation("Yes.", "是的", "de").reason == "it is not German but Chinese"
    assert check_translation("Yes.", "네", "ja").reason == "it is not Japanese but Korean"


def test_a_long_text_is_read_to_its_end() -> None:
    """A text that turns into another language after 2,000 characters is refused."""
    source = " ".join([SOURCE] * 120)
    german = " ".join([TEXTS["de"]] * 60)
    french = " ".join([TEXTS["fr"]] * 60)
    turned = check_translation(source, f"{german} {french}", "de")
    assert turned.reason == "it is not German but French"
    assert check_translation(source, f"{german} {german}", "de").ok
