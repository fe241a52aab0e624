"""The sentence of an instruction that asks, tagged by HanTa (no network, no model to download)."""

from __future__ import annotations

import random
import re
from collections import Counter

from syphus.core.errors import SettingsError
from syphus.report.roots import Root, Word, find_root

LOOKED_AT = 20_000
MISSING = "pip install 'syphus-engine[report]'"
_MODEL = "morphmodel_en.pgz"
_SENTENCE = re.compile(r"(?:[^.!?]|(?<=[0-9])\.(?=[0-9]))+[.!?]*")
# Their point ends no sentence, and the name alone is tagged as well.
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr)\. ")
_CLITIC = r"'(?:s|re|ll|ve|d|m)\b"
_WORD = re.compile(
    rf"[a-z]+(?=n't)|n't|{_CLITIC}|(?<![0-9a-z])[a-z]+(?:-[a-z]+)*|[0-9]+(?:[.,:][0-9]+)*|[?.!,;:]",
    re.IGNORECASE,
)
# The tagger takes time with the cube of a word's length: half a minute for 3,000 letters.
_LONGEST_WORD = 20
_MOST_WORDS = 30
_MOST_LETTERS = 1_000
_OPTIONS = 8
_VERB_TAGS = frozenset({"VVI", "VVB", "VVG", "VDG"})


class RootCounter:
    """Roots of at most `LOOKED_AT` instructions, drawn evenly and always the same ones.

    `seen` counts all instructions. Tagging takes about 0.7 ms each, hence the bound.
    """

    def __init__(self, looked_at: int = LOOKED_AT) -> None:
        self._most = looked_at
        self._kept: list[str] = []
        self._dice = random.Random(0)  # noqa: S311 - a sample needs no secret
        self.seen = 0

    def add(self, instruction: str) -> None:
        """Takes one instruction into the draw."""
        self.seen += 1
        if len(self._kept) < self._most:
            self._kept.append(asking_sentence(instruction))
        elif (at := self._dice.randrange(self.seen)) < self._most:
            self._kept[at] = asking_sentence(instruction)

    @property
    def looked_at(self) -> int:
        """How many were drawn."""
        return len(self._kept)

    def roots(self) -> Counter[Root]:
        """How often each root occurs among those drawn.

        Raises SettingsError where the tagger isn't installed.
        """
        tagger = Tagger()
        return Counter(tagger.root(sentence) for sentence in self._kept)


def asking_sentence(instruction: str) -> str:
    """The last sentence with a question mark, else the first one."""
    text = _TITLE.sub("", instruction[:_MOST_LETTERS].replace("\u2019", "'"))
    sentences = [each.strip() for each in _SENTENCE.findall(text)]
    asking = [each for each in sentences if each.endswith("?")]
    return next(iter(asking[-1:] or sentences[:1]), "")


class Tagger:
    """HanTa's model of English.

    Raises SettingsError, naming the extra, where it isn't installed.
    """

    def __init__(self) -> None:
        try:
            from HanTa import HanoverTagger  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SettingsError(f"root verbs need a package: {MISSING}") from error
        self._model = HanoverTagger.HanoverTagger(_MODEL)

    def root(self, sentence: str) -> Root:
        """Root verb and noun of one sentence."""
        return find_root(self.tag(sentence), self.as_verb)

    def tag(self, sentence: str) -> list[Word]:
        """The words of a sentence, at most the first thirty, without those that are no words."""
        found = [each for each in _WORD.findall(sentence) if len(each) <= _LONGEST_WORD]
        tagged = self._model.tag_sent(found[:_MOST_WORDS])
        return [Word(text=text, lemma=lemma.lower(), tag=tag) for text, lemma, tag in tagged]

    def as_verb(self, word: str) -> str | None:
        """The verb that a word is in some sentence, as an infinitive or with -ing; None if none."""
        word = word.lower()
        options = self._model.tag_word(word, cutoff=_OPTIONS)
        tag = next((tag for tag, _ in options if tag in _VERB_TAGS), None)
        return None if tag is None else str(self._model.analyze(word, pos=tag)[0]).lower()
