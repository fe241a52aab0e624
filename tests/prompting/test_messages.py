"""What is sent for a query, and who a request is."""

from __future__ import annotations

import json
import os

from hypothesis import example, given
from hypothesis import strategies as st

from syphus.core.images import SentImage
from syphus.core.records import Prefix, Request, RequestShape, Sampling, Turn
from syphus.prompting.messages import Assembler
from syphus.prompting.prefix import read_prefix

PREFIX = Prefix(
    system_message="Write pairs.",
    in_context=(
        Turn(role="user", content="A boat on a lake."),
        Turn(role="assistant", content="Question: What?\nAnswer: A boat."),
    ),
)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


def assembler(
    prefix: Prefix = PREFIX,
    *,
    model: str = "m",
    max_tokens: int = 100,
    response_format: bytes | None = None,
) -> Assembler:
    """An assembler of the first stage."""
    sampling = Sampling(max_tokens=max_tokens)
    shape = RequestShape(model=model, sampling=sampling, response_format=response_format)
    return Assembler(prefix, shape, stage="generate")


def ask(text: str = "A dog.", *, query_id: str = "q", **changes: object) -> Request:
    """The first request for a query, by an assembler of its own."""
    return assembler(**changes).ask(query_id, text, position=0)  # type: ignore[arg-type]


def test_messages_are_system_examples_and_query_in_this_order() -> None:
    """What a provider gets is the conversation that the prompt file describes."""
    assert json.loads(ask("A dog.").messages) == [
        {"role": "system", "content": "Write pairs."},
        {"role": "user", "content": "A boat on a lake."},
        {"role": "assistant", "content": "Question: What?\nAnswer: A boat."},
        {"role": "user", "content": "A dog."},
    ]


def test_a_correcting_turn_follows_the_reply_that_it_corrects() -> None:
    """The conversation goes on: the reply as the model gave it, then what was wrong with it."""
    made = assembler()
    first = made.ask("q", "A dog.", position=7)
    again = made.ask_again(first, "A dog.", reply="Hm.", correction="Again.", turn=1)
    messages = json.loads(again.messages)
    assert messages[:-2] == json.loads(first.messages)
    assert messages[-2:] == [
        {"role": "assistant", "content": "Hm."},
        {"role": "user", "content": "Again."},
    ]
    assert (again.query_id, again.position, again.turn) == ("q", 7, 1)
    assert again.key != first.key
    assert again.prompt_tokens > first.prompt_tokens


@given(ANY_TEXT, ANY_TEXT)
@example("\ud800", "\x7f")
def test_the_prefix_is_the_same_bytes_in_all_requests(one: str, other: str) -> None:
    """So that a provider's prompt cache serves it, also in correcting turns."""
    made = assembler()
    first, second = (made.ask("q", text, position=0) for text in (f"1{one}", f"2{other}"))
    again = made.ask_again(second, f"2{other}", reply=one, correction="Again.", turn=1)
    for request in (second, again):
        shared = os.path.commonprefix([first.messages, request.messages])  # noqa: RUF071 - bytes
        examples = shared[: shared.rindex(b"}") + 1] + b"]"
        assert json.loads(examples) == json.loads(first.messages)[:-1]
    assert again.messages.startswith(second.messages[:-1])


@given(ANY_TEXT, ANY_TEXT)
def test_every_text_arrives_as_it_is(text: str, reply: str) -> None:
    """Control characters, U+2028, NUL and lone surrogates make valid JSON of the same text."""
    made = assembler()
    first = made.ask(text, text, position=0)
    assert json.loads(first.messages)[-1]["content"] == text
    assert first.prompt_tokens >= len(first.messages) // 4
    again = made.ask_again(first, text, reply=reply, correction="Again.", turn=1)
    assert [message["content"] for message in json.loads(again.messages)[3:]] == [
        text,
        reply,
        "Again.",
    ]


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_have_one_identity_only_if_they_are_one(one: str, other: str) -> None:
    """Neither a different text nor a different surrogate is mistaken for another."""
    assert (ask(one).identity == ask(other).identity) == (one == other)


def test_the_identity_is_that_of_what_is_sent() -> None:
    """Model, prompt, text and response format decide, each of them."""
    others = [
        ask("A cat."),
        ask(model="n"),
        ask(prefix=Prefix(system_message="Write pairs!", in_context=PREFIX.in_context)),
        ask(prefix=Prefix(system_message=PREFIX.system_message)),
        ask(response_format=b'{"type":"json_object"}'),
        ask(response_format=b'{"type":"json_schema"}'),
    ]
    identities = {request.identity for request in (ask(), *others)}
    assert len(identities) == 1 + len(others)


def test_limits_of_sampling_are_no_part_of_it() -> None:
    """Raising max_tokens throws no answer away."""
    assert ask(max_tokens=10).key == ask(max_tokens=9999).key


def test_two_queries_with_one_text_are_two_requests() -> None:
    """The same messages have one identity, and two names in the journal."""
    one, other = ask(query_id="a"), ask(query_id="b")
    assert one.identity == other.identity
    assert one.key != other.key


def test_the_identity_does_not_depend_on_the_order_of_keys() -> None:
    """A prompt file whose keys were sorted or reformatted is the same prompt."""
    value = {
        "system_message": "Write pairs.",
        "in_context": [
            {"role": "user", "content": "A boat on a lake."},
            {"role": "assistant", "content": "Question: What?\nAnswer: A boat."},
        ],
    }
    turned = {
        "in_context": [dict(reversed(turn.items())) for turn in value["in_context"]],  # type: ignore[attr-defined]
        "system_message": value["system_message"],
    }
    one, other = (ask(prefix=read_prefix(each, where="here")) for each in (value, turned))
    assert one.key == other.key
    assert one.messages == other.messages


def test_the_identity_is_the_same_in_another_process() -> None:
    """No hash that Python salts takes part: a resume finds what an earlier process wrote."""
    import subprocess  # noqa: PLC0415 - only here
    import sys  # noqa: PLC0415

    source = (
        "from syphus.core.records import *\n"
        "from syphus.prompting.messages import Assembler\n"
        "prefix = Prefix(system_message='Write pairs.')\n"
        "shape = RequestShape(model='m', sampling=Sampling())\n"
        "made = Assembler(prefix, shape, stage='generate')\n"
        "print(made.ask('q', 'A dog.', position=0).key)\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", source],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {ask(prefix=Prefix(system_message="Write pairs.")).key}


def an_image(digest: str = "0" * 32, **changes: int) -> SentImage:
    """An image by its hash."""
    return SentImage(
        **{"digest": digest, "size": 9, "width": 4, "height": 3, "tokens": 50, **changes}  # type: ignore[arg-type]
    )


def test_a_request_without_images_is_the_one_that_it_always_was() -> None:
    """Journals of runs before there were images go on: their keys, to the byte."""
    made = assembler(Prefix(system_message="Write pairs.", in_context=PREFIX.in_context[:0]))
    plain = made.ask("q", "A dog.", position=0)
    assert plain.key == "e438c762240f3a0864d2c2843e0f39c2"
    assert made.ask("q", "A dog.", position=0, images=()) == plain


def test_images_follow_the_text_as_addresses_of_their_hashes() -> None:
    """Two images of one hash are one question, whatever else is known of them; others aren't."""
    made = assembler()
    one = made.ask("q", "A dog.", position=0, images=(an_image(),))
    assert json.loads(one.messages)[-1]["content"] == [
        {"type": "text", "text": "A dog."},
        {"type": "image_url", "image_url": {"url": f"image:b2:{'0' * 32}"}},
    ]
    assert one.prompt_tokens > 50
    assert one.key == made.key_of("q", "A dog.", (an_image(width=9, tokens=1),))
    others = [(), (an_image("1" * 32),), (an_image(), an_image()), (an_image("1" * 32), an_image())]
    keys = {made.key_of("q", "A dog.", images) for images in [*others, (an_image(),)]}
    assert len(keys) == 5


def test_a_correcting_turn_has_the_images_of_the_first() -> None:
    """The conversation that goes on is the one about these images."""
    made = assembler()
    first = made.ask("q", "A dog.", position=0, images=(an_image(),))
    again = made.ask_again(first, "A dog.", reply="Hm.", correction="Again.", turn=1)
    assert json.loads(again.messages)[:-2] == json.loads(first.messages)
    assert again.images == first.images
