"""The files of the languages: the ids of English, less what a language lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.core.records import Pair
from syphus.export.instructions import InstructionsMeta, read_instructions
from syphus.export.translated import PairTranslations, translated_path, write_translated

if TYPE_CHECKING:
    from collections.abc import Sequence

META = InstructionsMeta(version="v1", time="now", author="Ada")
CODES = ("de", "ar")
ARABIC = "هل هناك \u200fأحد في الغرفة؟"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
STATES = st.lists(st.fixed_dictionaries(dict.fromkeys(CODES, st.booleans())), max_size=8)


def make_pairs(count: int) -> list[Pair]:
    """So many pairs, each related to all others."""
    names = [f"DC_INS_{number:05d}" for number in range(1, count + 1)]
    return [
        Pair(
            id=name,
            query_id="q",
            instruction="What?",
            answer="That.",
            image_ids=("i",),
            related_ids=tuple(each for each in names if each != name),
        )
        for name in names
    ]


def translations(
    there: Sequence[dict[str, bool]], text: tuple[str, str] = ("Was?", "Das.")
) -> list[PairTranslations]:
    """Translations of pairs, where `there` says which languages each has."""
    return [
        PairTranslations(
            texts={code: text for code in CODES if each[code]},
            missing={code: ("it is empty", "?") for code in CODES if not each[code]},
        )
        for each in there
    ]


def write(folder: Path, pairs: list[Pair], found: list[PairTranslations]) -> None:
    """Writes the files of both languages."""
    write_translated(
        folder,
        short="DC",
        languages=CODES,
        pairs=lambda: pairs,
        translations=found,
        meta=META,
    )


def read(folder: Path, name: str) -> Any:
    """The JSON of a file, as another reader sees it."""
    return json.loads((folder / name).read_bytes())


def test_a_file_is_named_after_its_language(tmp_path: Path) -> None:
    """`<SHORT>_instructions_<lang>.json`, beside the English one."""
    assert translated_path(tmp_path, "DC", "zh") == tmp_path / "DC_instructions_zh.json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(there=STATES, text=st.tuples(TEXT, TEXT))
def test_each_pair_stands_in_a_file_or_in_the_list(
    tmp_path: Path, there: list[dict[str, bool]], text: tuple[str, str]
) -> None:
    """In each language, whatever is missing: exactly once, with relations that exist there."""
    pairs = make_pairs(len(there))
    write(tmp_path, pairs, translations(there, text))
    errors = read(tmp_path, "translation_errors.json")
    for code in CODES:
        data = read(tmp_path, f"DC_instructions_{code}.json")["data"]
        listed = [one["id"] for one in errors if one["language"] == code]
        assert list(data) == [p.id for p, has in zip(pairs, there, strict=True) if has[code]]
        assert listed == [p.id for p, has in zip(pairs, there, strict=True) if not has[code]]
        for name, entry in data.items():
            assert (entry["instruction"], entry["answer"]) == text
            assert entry["image_ids"] == ["i"]
            assert entry["rel_ins_ids"] == [each for each in data if each != name]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "DC_instructions_ar.json",
        "DC_instructions_de.json",
        "translation_errors.json",
    ]


def test_what_is_missing_is_told_with_its_text_and_reason(tmp_path: Path) -> None:
    """One entry for each pair and language."""
    write(tmp_path, make_pairs(1), translations([{"de": True, "ar": False}]))
    assert read(tmp_path, "translation_errors.json") == [
        {"id": "DC_INS_00001", "language": "ar", "text": "?", "error_message": "it is empty"}
    ]


def test_the_head_is_that_of_the_english_file(tmp_path: Path) -> None:
    """Version, time and author stand in each file, which can be read as any other."""
    write(tmp_path, make_pairs(2), translations([{"de": True, "ar": True}] * 2))
    head = read(tmp_path, "DC_instructions_ar.json")["meta"]
    assert head == {"version": "v1", "time": "now", "author": "Ada"}
    found = list(read_instructions(translated_path(tmp_path, "DC", "ar")))
    assert [pair.id for pair in found] == ["DC_INS_00001", "DC_INS_00002"]


def test_text_is_written_as_it_is_given(tmp_path: Path) -> None:
    """Arabic is readable UTF-8 in the file, without a control character more or less."""
    write(tmp_path, make_pairs(1), translations([{"de": True, "ar": True}], (ARABIC, ARABIC)))
    content = (tmp_path / "DC_instructions_ar.json").read_text("utf-8")
    assert content.count(ARABIC) == 2
    assert content.count("\u200f") == 2


def test_texts_and_pairs_must_be_as_many(tmp_path: Path) -> None:
    """Another number is a fault; the files that were there stay, and nothing is left behind."""
    write(tmp_path, make_pairs(2), translations([{"de": True, "ar": True}] * 2))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="zip"):
        write(tmp_path, make_pairs(3), translations([{"de": True, "ar": False}] * 2))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_fault_in_mid_writing_leaves_the_earlier_files(tmp_path: Path) -> None:
    """The texts that pass through a file of their own are cleared away, too."""
    write(tmp_path, make_pairs(1), translations([{"de": True, "ar": True}]))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken() -> Any:
        yield from translations([{"de": True, "ar": False}])
        raise RuntimeError("the journal is gone")

    with pytest.raises(RuntimeError, match="journal"):
        write_translated(
            tmp_path,
            short="DC",
            languages=CODES,
            pairs=lambda: make_pairs(2),
            translations=broken(),
            meta=META,
        )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
