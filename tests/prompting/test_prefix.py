from __future__ import annotations

from typing import Any

import pytest

from syphus.core.errors import PromptError
from syphus.core.records import Turn
from syphus.prompting.prefix import read_prefix

WHERE = "prompts/some.json"
PAIRS = [
    {"Question": "What is it?", "Answer": "A boat."},
    {"Question": "Where?", "Answer": "On a lake."},
]


def user(content: Any = "a boat on a lake") -> dict[str, Any]:
    """A user's turn."""
    return {"role": "user", "content": content}


def assistant(content: Any = "Question: What is it?\nAnswer: A boat.") -> dict[str, Any]:
    """An assistant's turn."""
    return {"role": "assistant", "content": content}


def refusal(value: Any) -> str:
    """The message about `value`, checked to be one line that begins with the place."""
    with pytest.raises(PromptError) as caught:
        read_prefix(value, where=WHERE)
    message = str(caught.value)
    assert message.startswith(f"{WHERE}: ")
    assert "\n" not in message
    return message


def prompt(*turns: Any, **others: Any) -> dict[str, Any]:
    """A prompt with these turns."""
    return {"system_message": "Look.", "in_context": list(turns), **others}


def test_a_good_prompt() -> None:
    """System message and turns arrive as they were written."""
    prefix = read_prefix(prompt(user(), assistant(), user("b"), assistant("c")), where=WHERE)
    assert prefix.system_message == "Look."
    assert [turn.role for turn in prefix.in_context] == ["user", "assistant"] * 2
    assert prefix.in_context[2] == Turn(role="user", content="b")


def test_pair_objects_become_lines() -> None:
    """Pair objects become lines of key and text, a blank line between two pairs."""
    prefix = read_prefix(prompt(user(), assistant(PAIRS)), where=WHERE)
    assert prefix.in_context[1].content == (
        "Question: What is it?\nAnswer: A boat.\n\nQuestion: Where?\nAnswer: On a lake."
    )


def test_no_examples() -> None:
    """A prompt without examples is one to start from."""
    assert read_prefix({"system_message": "Look."}, where=WHERE).in_context == ()


def test_lone_surrogates_are_replaced() -> None:
    """A lone surrogate, which no request can carry, becomes U+FFFD."""
    prefix = read_prefix(prompt(user("a\ud800b"), assistant()), where=WHERE)
    assert prefix.in_context[0].content == "a\ufffdb"


@pytest.mark.parametrize("value", [{"in_context": []}, {}])
def test_system_message_missing(value: Any) -> None:
    """A prompt without a system message is told that it has none."""
    assert "system_message is missing" in refusal(value)


@pytest.mark.parametrize("message", ["", " \n", None, 7, ["Look."]])
def test_system_message_of_the_wrong_kind(message: Any) -> None:
    """A system message that says nothing, or is no text, is refused."""
    assert "system_message" in refusal({"system_message": message, "in_context": []})


@pytest.mark.parametrize("value", [None, [], "Look."])
def test_prompt_of_the_wrong_kind(value: Any) -> None:
    """A prompt that is no object is refused."""
    assert "the prompt is" in refusal(value)


def test_unknown_role_has_a_position() -> None:
    """An unknown role is named, with the number of its turn."""
    message = refusal(prompt(user(), assistant(), {"role": "system", "content": "x"}))
    assert "turn 3" in message
    assert "'system'" in message


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ((assistant(),), "turn 1 is by assistant"),
        ((user(), user(), assistant()), "turn 2 is by user"),
        ((user(), assistant(), user()), "ends with turn 3"),
    ],
)
def test_order_of_turns(turns: tuple[Any, ...], said: str) -> None:
    """Turns begin with a user's, alternate and end with an assistant's."""
    assert said in refusal(prompt(*turns))


@pytest.mark.parametrize(
    "content", ["", "  ", None, 3, [], [{}], ["text"], [{"Question": ""}], [{"Question": 1}]]
)
def test_content_of_the_wrong_kind(content: Any) -> None:
    """An answer is a text or a list of objects of texts, never empty."""
    assert "turn 2" in refusal(prompt(user(), assistant(content)))


def test_pair_objects_are_for_assistants() -> None:
    """A user's content is always a text."""
    assert "turn 1" in refusal(prompt(user(PAIRS), assistant()))


@pytest.mark.parametrize("turns", [None, {}, "text", 1])
def test_in_context_of_the_wrong_kind(turns: Any) -> None:
    """in_context is a list."""
    assert "in_context" in refusal({"system_message": "Look.", "in_context": turns})


def test_turn_of_the_wrong_kind() -> None:
    """A turn is an object."""
    assert "turn 1" in refusal(prompt("Question: x"))


def test_extra_keys() -> None:
    """A key that nothing reads is refused, because it is a misspelt one."""
    assert "in_contexts" in refusal({"system_message": "Look.", "in_contexts": []})
    assert "name" in refusal(prompt({**user(), "name": "x"}, assistant()))


@pytest.mark.parametrize(
    "content",
    [
        '{"a": "x",}',
        '[{"a": 1},]',
        '```json\n{"a": }\n```',
        "{'a': 1}",
        '{"a": {"b": 1}',
        f"{'[' * 9**5}]",
    ],
)
def test_broken_json_example(content: str) -> None:
    """An example that was meant to be JSON must be JSON, since the model imitates it."""
    message = refusal(prompt(user(), assistant(content)))
    assert "turn 2" in message
    assert "JSON" in message


@pytest.mark.parametrize(
    "content",
    ['{"a": "x"}', '[{"a": 1}]', '```json\n{"a": 1}\n```', "[laughs] Yes.", "{name} is here", "[]"],
)
def test_json_and_plain_examples(content: str) -> None:
    """Whole JSON, and text that only begins with a bracket, is kept as it is."""
    assert read_prefix(prompt(user(), assistant(content)), where=WHERE).in_context[1] == Turn(
        role="assistant", content=content
    )


def test_numbers_that_python_does_not_write_out() -> None:
    """An integer of thousands of digits where a text belongs is told by its type."""
    assert "unknown key of type int" in refusal({"system_message": "s", 10**6000: 1})
    turn = {"role": 10**6000, "content": "a boat"}
    assert "the role of type int" in refusal({"system_message": "s", "in_context": [turn]})
