from __future__ import annotations

import json
from typing import Any

from syphus.translation.check_glossary import Glossary
from syphus.translation.request import write_request
from syphus.translation.values import Chunk, SourcePair, Term

CHUNK = Chunk(
    pairs=(
        SourcePair(number=2, instruction="Is the truck gone?", answer="Yes, {name}: 2 left."),
        SourcePair(number=5, instruction='Was "he" there?', answer="No.\nNobody."),
    ),
    languages=("ja", "zh"),
)


def written(**options: Any) -> dict[str, Any]:
    """The request for `CHUNK`, decoded."""
    request: dict[str, Any] = json.loads(write_request(CHUNK, **options))
    return request


def test_a_request_is_the_pairs_and_the_languages() -> None:
    """Compact JSON; pairs are named by their place in the request, not by their number."""
    request = written()
    assert request == {
        "languages": ["ja", "zh"],
        "pairs": {
            "1": {"instruction": "Is the truck gone?", "answer": "Yes, {name}: 2 left."},
            "2": {"instruction": 'Was "he" there?', "answer": "No.\nNobody."},
        },
    }
    assert write_request(CHUNK) == json.dumps(request, separators=(",", ":"))


def test_text_of_other_scripts_is_written_as_it_is() -> None:
    """Escapes would cost several tokens a character; half characters can't be sent."""
    pair = SourcePair(number=1, instruction="你好", answer="\ud800?")
    text = write_request(Chunk(pairs=(pair,), languages=("ja",)))
    assert "你好" in text
    assert text.encode()


def test_a_glossary_is_sent_only_where_its_terms_occur() -> None:
    """A term that no pair holds costs nothing, nor does a form in a language not wanted."""
    truck = Term(term="truck", forms={"zh": "卡车", "ja": "トラック", "de": "Laster"})
    others = (
        Term(term="fence", forms={"zh": "围栏", "ja": "フェンス"}),
        Term(term="gone", forms={"de": "weg"}),
    )
    sent = written(glossary=Glossary((truck, *others)))["glossary"]
    assert sent == {"truck": {"ja": "トラック", "zh": "卡车"}}
    assert "glossary" not in written(glossary=Glossary(others))
    assert "glossary" not in written(glossary=Glossary())


def test_a_term_that_stays_is_said_in_one_word() -> None:
    """Kept in all wanted languages: one word; in some: their forms."""
    keep = Term(term="Truck", forms={"ja": "Truck", "zh": "Truck"})
    assert written(glossary=Glossary([keep]))["glossary"] == {"Truck": "keep"}
    partly = Term(term="Truck", forms={"ja": "Truck"})
    assert written(glossary=Glossary([partly]))["glossary"] == {"Truck": {"ja": "Truck"}}


def test_reasons_stand_by_pair_and_language() -> None:
    """What was wrong is said under the request's own names; other chunks' reasons are not."""
    reasons = {(2, "zh"): "not Chinese", (5, "ja"): "empty", (2, "de"): "x", (3, "zh"): "x"}
    assert written(reasons=reasons)["rejected"] == {
        "1": {"zh": "not Chinese"},
        "2": {"ja": "empty"},
    }
    assert "rejected" not in written(reasons={(3, "zh"): "x"})


def test_reasons_are_bounded() -> None:
    """A reason that quotes a whole text doesn't make the request long."""
    assert len(write_request(CHUNK, reasons={(2, "zh"): "x" * 9999})) < 600


def test_the_described_shape_comes_last() -> None:
    """The request itself is the same with and without it."""
    plain, described = write_request(CHUNK), write_request(CHUNK, describe=True)
    assert described.startswith(plain + "\n\n")
    assert '{"1":{"answer":{"ja":' in described[len(plain) :]
