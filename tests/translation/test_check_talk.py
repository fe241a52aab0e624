from __future__ import annotations

import pytest

from syphus.translation.check_talk import REFUSES, TALKS, find_talk_fault

SOURCE = "A man walks his dog."


@pytest.mark.parametrize(
    "text",
    [
        "Here is the translation: Un hombre pasea a su perro.",
        "Here's the Spanish translation\n\nUn hombre pasea a su perro.",
        "Translation: Un hombre pasea a su perro.",
        "**Translation:** Un hombre pasea a su perro.",
        "Spanish: Un hombre pasea a su perro.",
        "Español: Un hombre pasea a su perro.",
        "Simplified Chinese: 一个男人遛狗。",
        "Sure, un hombre pasea a su perro.",
        "Claro, un hombre pasea a su perro.",
        "Aquí tienes la traducción:\nUn hombre pasea a su perro.",
        "Traducción: Un hombre pasea a su perro.",
        "Hier ist die Übersetzung: Ein Mann führt seinen Hund aus.",
        "Übersetzung: Ein Mann führt seinen Hund aus.",
        "Deutsch: Ein Mann führt seinen Hund aus.",
        "Natürlich! Ein Mann führt seinen Hund aus.",
        "Voici la traduction : Un homme promène son chien.",
        "Bien sûr, un homme promène son chien.",
        "以下是翻译\uff1a一个男人遛狗。",
        "中文\uff1a一个男人遛狗。",
        "当然\uff0c一个男人遛狗。",
        "以下は翻訳です\uff1a男性が犬を散歩させています。",
        "日本語\uff1a男性が犬を散歩させています。",
        "다음은 번역입니다: 한 남자가 개를 산책시킨다.",
        "물론입니다. 한 남자가 개를 산책시킨다.",
        "إليك الترجمة: رجل يمشي مع كلبه.",
        "الترجمة: رجل يمشي مع كلبه.",
        "بالتأكيد، رجل يمشي مع كلبه.",
    ],
)
def test_talk_at_the_beginning_is_refused(text: str) -> None:
    """An opening about the translation is no part of it, in any of the languages."""
    assert find_talk_fault(text, SOURCE) == TALKS


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot translate this.",
        "Lo siento, pero no puedo ayudar con eso.",
        "Als KI kann ich das nicht beantworten.",
        "Es tut mir leid, aber ich kann dabei nicht helfen.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "抱歉\uff0c我无法提供帮助。",
        "申し訳ありませんが、お手伝いできません。",
        "죄송하지만 도와드릴 수 없습니다.",
        "عذرًا، لا أستطيع المساعدة في ذلك.",
    ],
)
def test_a_refusal_is_called_so(text: str) -> None:
    """A model that declines in place of translating is refused."""
    assert find_talk_fault(text, SOURCE) == REFUSES


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (SOURCE, "Un hombre pasea a su perro."),
        ("Sure, he walks.", "Claro, él camina."),
        ("Clear, sunny weather.", "Klar, sonnig."),
        ("I'm sorry, the shop is closed.", "Lo siento, la tienda está cerrada."),
        ("Translation: moving an object", "Traslación o traducción: mover un objeto"),
        ("In German: Hund", "Deutsch: Hund"),
        ("Here is a list: one, two.", "Aquí está una lista: uno, dos."),
        ("When she was a child, she sang.", "Als Kind sang sie."),
        ("Like a model, she poses.", "Como una modelo, ella posa."),
        ("Sounds good, we go.", "好的\uff0c我们走吧。"),
        ("No doubt, he won.", "Por supuesto, ganó."),
        ("Why not, let us try.", "当然\uff0c我们试试吧。"),
        ("The virgin forest is old.", "عذراء الغابة قديمة."),
        ("```\nx\n```", "```\nx\n```"),
    ],
)
def test_what_the_source_says_is_no_talk(source: str, text: str) -> None:
    """The same words are right where they are translated ones."""
    assert find_talk_fault(text, source) is None


def test_an_added_code_block_is_refused() -> None:
    """A translation between three backticks isn't one that can be shown."""
    assert find_talk_fault("```\nUn hombre.\n```", SOURCE) is not None
