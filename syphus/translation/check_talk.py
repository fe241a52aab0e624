"""Talk around a translation, and refusals in place of one.

Each pattern is looked for at the beginning of the text, and is no fault where the source says
something of the kind itself.
"""

from __future__ import annotations

import re
from typing import Final

TALKS: Final = "it begins with talk about the translation"
REFUSES: Final = "it refuses to translate"
_FENCED: Final = "it stands in a code block that the source does not have"

_HEAD: Final = 160
_NOUN: Final = (
    r"translat(?:ion|ed)|traducci[oó]n|traducid[oa]|übersetz(?:ung|t)|traduction|traduite?"
    r"|翻译|译文|譯文|翻訳|訳文|번역|ترجم"
)
_NAME: Final = (
    r"(?:(?:simplified|traditional)\s)?chinese|japanese|spanish|german|french|korean|arabic|english"
    r"|chino|japonés|español|alemán|francés|coreano|árabe|inglés"
    r"|chinesisch|japanisch|spanisch|deutsch|französisch|koreanisch|arabisch|englisch"
    r"|chinois|japonais|espagnol|allemand|français|coréen|arabe|anglais"
    r"|(?:简体)?中文|日[语文]|西班牙[语文]|德[语文]|法[语文]|韩[语文]|阿拉伯[语文]|英[语文]"
    r"|日本語|中国語|スペイン語|ドイツ語|フランス語|韓国語|アラビア語|英語"
    r"|한국어|중국어|일본어|스페인어|독일어|프랑스어|아랍어|영어"
    r"|(?:ال)?(?:عربية|صينية|يابانية|إسبانية|ألمانية|فرنسية|كورية|إنجليزية)"
)
_LABEL: Final = re.compile(
    rf"""
    [\W_]{{0,5}}
    (?: [^\n:\uff1a]{{0,60}}(?:{_NOUN})[^\n:\uff1a]{{0,60}}
      | (?:{_NAME})(?:\s?[(\uff08][^()\uff08\uff09\n]{{1,30}}[)\uff09])?
    )
    [*_]{{0,3}} \s{{0,2}} [:\uff1a]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OPENING: Final = re.compile(
    rf"""
    [\W_]{{0,5}}
    (?: here(?:['\u2019]s|\sis|\sare) | aquí\s(?:está|tienes?) | hier\s(?:ist|sind) | voici
      | 以下是 | 这是 | 下面是 | 以下[はが] | こちら[はが] | 다음은 | 아래는 | إليك )
    [^\n]{{0,40}}(?:{_NOUN})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LABEL_SOURCE: Final = re.compile(rf"transl|interpret|render|\b(?:{_NAME})\b", re.IGNORECASE)
_ASSENT: Final = re.compile(
    r"""
    [\W_]{0,3}
    (?: sure | certainly | of[ ]course | absolutely | okay | ok
      | claro(?:[ ]que[ ]sí)? | por[ ]supuesto | desde[ ]luego
      | natürlich | selbstverständlich | gerne? | bien[ ]sûr | certainement | volontiers
      | 当然(?:可以)? | 好的 | 没问题 | もちろん(?:です)? | 承知しました | かしこまりました
      | 물론(?:입니다|이죠)? | 알겠습니다 | بالتأكيد | بالطبع | حسن[اً]{1,2} )
    [,!.:\u060c\u3001\u3002\uff01\uff0c\uff1a]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ASSENT_SOURCE: Final = re.compile(
    r"""
    \W{0,3}
    (?: sure | certain | of[ ]course | absolute | ok | yes | yeah | yep | right | all[ ]?right
      | definite | natural | well\b | clear | glad | indeed | fine | good | great | obvious
      | happ[yi] | with[ ]pleasure | no[ ]problem | understood | got[ ]it
      | no[ ]doubt | sounds | why[ ]not | by[ ]all[ ]means )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REFUSAL: Final = re.compile(
    r"""
    [\W_]{0,3}
    (?: (?:i['\u2019]?\s?a?m[ ])?(?:so[ ]|very[ ])?sorry\b
      | i[ ](?:apologi[sz]e|cannot|can['\u2019]?t)\b | as[ ]an[ ]ai
      | lo[ ](?:siento|lamento) | no[ ]puedo[ ](?:ayudar|traducir|cumplir)
      | como[ ](?:una?[ ])?(?:ia|modelo)
      | (?:es[ ])?tut[ ]mir[ ]leid | entschuldigung | als[ ]ki\b
      | ich[ ]kann[ ](?:das|dies)[^.]{0,30}nicht
      | (?:je[ ]suis[ ])?(?:vraiment[ ])?désolée? | en[ ]tant[ ]qu[e'\u2019][ ]?ia
      | je[ ]ne[ ]peux[ ]pas[ ](?:traduire|vous[ ]aider)
      | (?:很|非常|十分)?抱歉 | 对不起 | 作为.{0,6}AI | 我(?:无法|不能)(?:翻译|提供|协助)
      | (?:大変)?申し訳 | すみません | ごめん | AIとして
      | (?:정말\s)?죄송 | 미안 | AI로서
      | عذرًا | عذراً | معذرة | (?:أنا\s)?(?:آسف|أعتذر)
      | لا\s(?:أستطيع|يمكنني)\s(?:ترجمة|المساعدة|تقديم) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REFUSAL_SOURCE: Final = re.compile(
    r"sorry|apolog|pardon|excuse|forgive|regret|unfortunate|afraid|desolat|can(?:no|['\u2019])?t\b|unable"
    r"|not able|\b(?:as|like) an?\b|despite",
    re.IGNORECASE,
)


def find_talk_fault(text: str, source: str) -> str | None:
    """Return that the text begins with something that is no part of the translation, or None."""
    if text.startswith("```") and "```" not in source:
        return _FENCED
    head = text[:_HEAD]
    if _REFUSAL.match(head) and not _REFUSAL_SOURCE.search(source):
        return REFUSES
    if _ASSENT.match(head) and not _ASSENT_SOURCE.match(source):
        return TALKS
    labelled = (":" in head or "\uff1a" in head) and _LABEL.match(head)
    if (labelled or _OPENING.match(head)) and not _LABEL_SOURCE.search(source):
        return TALKS
    return None
