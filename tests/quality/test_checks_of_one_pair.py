from __future__ import annotations

import pytest

from syphus.quality.screen import OF_ONE_PAIR, Rules, make_screen
from syphus.translation.check_language import name_not_english

QUESTION = "What is the woman at the crossing holding?"
ANSWER = "She is holding a closed umbrella in her left hand."
SCREEN = make_screen(Rules(personal_data=True), name_other=name_not_english)


def faults(question: str = QUESTION, answer: str = ANSWER) -> list[str]:
    """The names of the checks that a pair fails."""
    return list(SCREEN(question, answer))


def test_a_good_pair_has_no_fault() -> None:
    """Nothing is wrong with a plain question and its answer."""
    assert faults() == []


@pytest.mark.parametrize(
    "text",
    [
        "According to the description, the man is cooking.",
        "Based on the captions, two dogs are playing.",
        "Based solely on the provided information, it is winter.",
        "The caption says that she is tired.",
        "The video descriptions mention a red car.",
        "The annotations do not say more.",
        "As mentioned in the caption, he turns left.",
        "The colour is specified in the image description.",
        "In the description, a boy runs to the door.",
        "The bounding box of the dog is on the left.",
        "Judging from the timestamps, it takes ten seconds.",
        "According to the text, they are brothers.",
        "From the given context, it is a birthday party.",
        "According to the description of the scene, it rains.",
        "according  to\nthe DESCRIPTION he waits.",
    ],
)
def test_phrases_that_give_the_annotation_away_are_found(text: str) -> None:
    """Whoever sees only the picture knows of no caption, box or text."""
    assert "giveaway" in faults(answer=text)


def test_a_question_gives_the_annotation_away_too() -> None:
    """Both texts are looked at."""
    assert faults(question="What does the caption say about the dog?") == ["giveaway"]


@pytest.mark.parametrize(
    "text",
    [
        "According to the sign, parking is forbidden on Sundays.",
        "According to the clock on the tower, it is three.",
        "According to the menu, the soup costs five euros.",
        "The caption on the poster says that the show is sold out.",
        "The caption under the newspaper photo mentions a storm.",
        "According to the text on the banner, the shop has moved.",
        "According to the information board, the train is late.",
        "The man matches the description of the thief.",
        "She writes a description of the vase in her notebook.",
        "The text message on his phone makes him smile.",
        "The description of the product is printed on the box.",
        "He is given a box with a ribbon.",
        "According to the timestamp of the camera, it is noon.",
        "What is new in the original context of the museum is the light.",
        "Based on the shadows, it is late in the afternoon.",
        "The plane above the text is red.",
        "The label describes the contents of the jar.",
    ],
)
def test_what_stands_in_the_picture_gives_nothing_away(text: str) -> None:
    """Signs, posters and labels can be read there."""
    assert faults(answer=text) == []


def test_a_data_set_has_phrases_of_its_own() -> None:
    """They are texts, not patterns, and whole words in any case and spacing."""
    rules = Rules(phrases=("the two pictures (a, b)", "first sentence"))
    screen = make_screen(rules, name_other=name_not_english)
    assert list(screen(QUESTION, "In The two  Pictures (a, b) she is alone.")) == ["giveaway"]
    assert list(screen(QUESTION, "As the first sentence says, it is hers.")) == ["giveaway"]
    assert screen(QUESTION, "It is the first sentenced man to be freed.") == {}


@pytest.mark.parametrize(
    "text",
    [
        "The text does not mention what she carries.",
        "The image doesn't specify the brand of the car.",
        "The scene does not show what he eats.",
        "The video does not provide any information about his age.",
        "It is not mentioned in the video.",
        "It isn't stated.",
        "It's not specified, but it may be a gift.",
        "The name of the dog is not mentioned.",
        "It is unclear whether she is his sister.",
        "It is not clear what he is looking at.",
        "It is not possible to determine the time of day.",
        "It's impossible to tell.",
        "This cannot be determined.",
        "His age can't be inferred here.",
        "There is no information about the driver.",
        "There is not enough context to answer.",
        "We cannot tell from this angle.",
        "The reason is unknown.",
        "I don't know.",
        "Not specified.",
        "Unknown",
    ],
)
def test_answers_that_say_there_is_none_are_found(text: str) -> None:
    """The question asks what the annotation doesn't tell."""
    assert "unanswered" in faults(answer=text)


@pytest.mark.parametrize(
    "text",
    [
        "The sign doesn't mention a price.",
        "No, the price is not stated on the label.",
        "The picture does not include any animals.",
        "No, he is not wearing a hat.",
        "There is no information desk in the hall.",
        "The water is not clear but muddy.",
        "He can't say no to the cake.",
        "No, nobody else is in the room.",
        "The man cannot be seen behind the truck.",
        "She is not given a ticket.",
        "She can't identify herself at the gate, so she waits.",
        "It is not possible for the car to turn left.",
        "The unknown soldier's tomb is in the middle.",
        "He walks without any shoes.",
    ],
)
def test_a_no_is_an_answer(text: str) -> None:
    """What isn't there, or can't be done, may be just what was asked."""
    assert faults(answer=text) == []


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "Sorry, I cannot provide that.",
        "I apologize, but I am unable to describe this person.",
        "As an AI language model, I have no eyes.",
        "As a large language model, I guess that it is a dog.",
        "I am just an AI and have no opinion.",
        "I cannot comply with this.",
        "I can\u2019t see images, but it may be a cat.",
        "That would be against OpenAI's usage policies.",
    ],
)
def test_refusals_are_found(text: str) -> None:
    """Also with curly apostrophes."""
    assert "refusal" in faults(answer=text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't reach the shelf, so I fetch a stool.",
        "He says, \"I'm sorry, I can't come tonight.\"",
        "She is sorry that she broke the vase.",
        "I am unable to open the jar at first.",
        "I cannot help laughing when the dog sneezes.",
        "As an airport worker, he guides the plane.",
        "Dogs off the leash violate the park's policy.",
    ],
)
def test_people_may_be_sorry(text: str) -> None:
    """First-person narrations and quoted speech are no refusals."""
    assert faults(answer=text) == []


@pytest.mark.parametrize(
    "text",
    [
        "A dog.<|im_end|>",
        "<|endoftext|>A dog sits there.",
        "[INST] What is it? [/INST] A dog.",
        "A dog.</s>",
        "### Response: A dog.",
        "A dog sits on the sofa.\nUser: And the cat?",
        "ASSISTANT: A dog.",
        "A dog.\nQuestion 2: What else?",
        "<image>\nA dog sits there.",
        "The dog is {{answer}}.",
        "A dog.\n```",
        "<think>They ask for a dog.</think> A dog.",
    ],
)
def test_leftovers_of_the_conversation_are_found(text: str) -> None:
    """Control tokens, roles, labels, placeholders and fences."""
    assert "leftovers" in faults(answer=text)


@pytest.mark.parametrize(
    "text",
    [
        "At 10:15 the train leaves.",
        "The shirt has the number <3> on it.",
        "Plan A: she takes the bus.",
        "A: red\nB: blue",
        "The question: who took the cake?",
        "It is in [0.1, 0.2, 0.3, 0.4].",
        "He is user #1 of the gym.",
        "The `ls` command is on the screen.",
    ],
)
def test_signs_and_colons_are_no_leftovers(text: str) -> None:
    """What merely looks technical stays."""
    assert "leftovers" not in faults(answer=text)


def test_lengths_are_bounded() -> None:
    """By words; a text without letters or digits has none."""
    assert faults(question="Why?") == ["length"]
    assert faults(answer="...") == ["length"]
    assert faults(answer="Yes.") == []
    assert faults(answer="5") == []
    assert faults(answer="the dog " * 501) == ["length"]
    screen = make_screen(Rules(answer_words=(3, 5)), name_other=name_not_english)
    assert screen(QUESTION, "A dog.") == {
        "length": "the answer is too short: 2 of at least 3 words"
    }
    assert screen(QUESTION, "A dog and a cat.") == {}
    assert screen(QUESTION, "A dog and a black cat.") == {
        "length": "the answer is too long: 6 of at most 5 words"
    }


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("El coche es rojo y est\u00e1 aparcado.", "Spanish"),
        ("Die Frau tr\u00e4gt einen roten Mantel und wartet.", "German"),
        ("Il porte une veste noire.", "French"),
        ("La donna indossa un cappotto.", "Italian"),
        ("\u8fd9\u8f86\u8f66\u662f\u7ea2\u8272\u7684\u3002", "Chinese"),
        ("\u8eca\u306f\u8d64\u3044\u3067\u3059\u3002", "Japanese"),
        (
            "\uadf8\ub294 \ube68\uac04 \uc7ac\ud0b7\uc744 \uc785\uace0 \uc788\ub2e4.",
            "Korean",
        ),
    ],
)
def test_english_that_is_not_english_is_found(text: str, language: str) -> None:
    """And named."""
    assert SCREEN(QUESTION, text) == {"language": f"the answer is not English but {language}"}
    assert "language" in faults(question=text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "Tacos al pastor",
        "Chandler jokes, Joey laughs, Monica leaves.",
        "He parks beside the Plaza Mayor in Madrid.",
        "She eats tacos al pastor with salsa verde.",
        'It reads "Prohibido el paso a peatones".',
        "C picks up plates, C rinses bowl, C turns tap off.",
        "Silver sedan parked left; pedestrian crossing.",
        "It says \u5317\u4eac\u5927\u5b66 above the gate.",
        "blue and white striped umbrella",
    ],
)
def test_names_and_signs_are_no_other_language(text: str) -> None:
    """English sentences hold foreign names, dishes and quotations; short texts pass."""
    assert faults(answer=text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to jane.doe+x@example.co.uk for tickets.", "a mail address"),
        ("Call +49 30 1234567 for a table.", "a telephone number"),
        ("The van shows (555) 123-4567.", "a telephone number"),
        ("The van shows 555-123-4567.", "a telephone number"),
        ("Her number is 078-05-1120.", "a social security number"),
        ("The card reads 4111 1111 1111 1111.", "a payment card's number"),
        ("The card reads 4111 1111 1111 1111 12/29.", "a payment card's number"),
        ("The card reads 4111 1111 1111 1111 737.", "a payment card's number"),
        ("Pay to DE89 3704 0044 0532 0130 00.", "a bank account's number"),
    ],
)
def test_personal_data_are_found(text: str, kind: str) -> None:
    """The reason names the kind, not the data."""
    assert SCREEN(QUESTION, text) == {"personal_data": f"the answer holds {kind}"}


@pytest.mark.parametrize(
    "text",
    [
        "From 0:15 to 0:23 he runs.",
        "The box is at [0.123, 0.456, 0.789, 0.912].",
        "In 2019 and 2020 there were 1,234,567 visitors.",
        "The score is 102-98 after 48 minutes.",
        "Image 000000391895 shows a man.",
        "The train 4711 leaves at 10.45 from track 12.",
        "The handle is @street_food on the banner.",
        "The card reads 4111 1111 1111 1112.",
        "Between 100.5 and 200.25 the line rises.",
    ],
)
def test_other_numbers_are_no_personal_data(text: str) -> None:
    """Times, boxes, scores and the names of images."""
    assert faults(answer=text) == []


def test_personal_data_are_looked_for_on_request_alone() -> None:
    """The address stays otherwise."""
    screen = make_screen(Rules(), name_other=name_not_english)
    assert screen(QUESTION, "Write to jane.doe@example.com for tickets.") == {}


def test_a_data_set_leaves_checks_out() -> None:
    """Each by its name."""
    bad = "According to the caption it is unknown."
    everything = make_screen(Rules(), name_other=name_not_english)
    assert list(everything(QUESTION, bad)) == ["giveaway", "unanswered"]
    for name in OF_ONE_PAIR:
        screen = make_screen(Rules(skips=frozenset({name})), name_other=name_not_english)
        assert name not in screen(QUESTION, bad)


def test_any_text_is_judged_in_time() -> None:
    """Long runs of what patterns look for don't make them slow, and no text makes them raise."""
    for piece in ("the description ", "not enough ", "sorry, ", "1 ", "a@", "\ud800", "- " * 20):
        faults(answer=piece * 4000)
