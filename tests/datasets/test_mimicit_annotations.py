"""The data sets of MIMIC-IT's family: what is read of their annotations, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "datasets/samples"


def load_sample(name: str) -> Any:
    """A sample file, to be spoilt."""
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def test_albums_with_faults_are_left_out(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """An album that names a missing image, or lacks a field, is told; the others go on."""
    vist = load_sample("visual_story_telling.json")
    vist["annotations"][0][0]["photo_flickr_id"] = "404"
    next(image for image in vist["images"] if image["album_id"] == "72157600101").pop("tags")
    vist["albums"][2].pop("title")
    vist["albums"].append(dict(vist["albums"][3]))
    vist["albums"].append({**vist["albums"][3], "id": "72157600999"})
    vist["albums"].append({"title": "nameless"})
    vist["images"].append({"id": "9", "album_id": "gone", "title": "t", "tags": ""})
    vist["images"].append(dict(vist["images"][-2]))
    vist["images"].append("no object")
    vist["annotations"].append([{**vist["annotations"][-1][0], "text": ""}])
    vist["annotations"].append([{"text": "somewhere"}])
    count = len(vist["annotations"])
    found = read_dataset("VisualStoryTelling.video", spoil("vist.json", vist))
    assert list(found.texts) == ["72157600103", "72157600104"]
    assert found.left_out == [
        "item 1 (72157600100) is left out: annotation 1 names the image 404, which the album lacks",
        "item 2 (72157600101) is left out: its image 1100301 has no tags",
        "item 3 (72157600102) is left out: it has no title",
        "item 6 (72157600999) is left out: no story tells of its photos",
        "item 7 (72157600103) is left out: the album comes a second time; the first stands",
        "item 8 is left out: album 8 has no id",
        "item 9 (9) is left out: image 15 belongs to the album gone, which the file lacks",
        "item 10 (1100602) is left out: the image comes a second time; the first stands",
        "item 11 is left out: image 17 names no album",
        f"item 12 (1100601) is left out: annotation {count - 1} has no text",
        f"item 13 is left out: annotation {count} belongs to no album",
    ]


def test_of_a_large_album_some_photos_are_shown(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """Sixteen photos that stories tell of, in the album's order, named as images of the pairs."""
    album = {"id": "7", "title": "Large", "description": ""}
    images = [
        {"id": f"{at}", "album_id": "7", "title": f"Shot {at}", "tags": "t"} for at in range(40)
    ]
    told = [
        [{"photo_flickr_id": f"{at}", "album_id": "7", "text": f"sight {at} ."}]
        for at in range(39, 3, -1)
    ]
    vist = {"albums": [album], "images": images, "annotations": told}
    found = read_dataset("VisualStoryTelling.video", spoil("vist.json", vist))
    shown = [int(each.removeprefix("VST_IMG_")) for each in found.images("7")]
    assert len(shown) == 16
    assert shown == sorted(shown)
    assert min(shown) > 3
    assert [f"sight {at} ." in found.texts["7"] for at in range(40)] == [
        at in shown for at in range(40)
    ]


def test_videos_without_narration_are_left_out(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """A narration without text or time is told alone; a video without any, or twice, as a whole."""
    good = {"timestamp_sec": 40.5, "narration_text": "#C C lifts #Unsure"}
    videos = [
        ("a", {"narration_pass_1": {"narrations": []}, "status": "redacted"}),
        ("b", {"narration_pass_1": {"narrations": [{"timestamp_sec": 1.0}, good]}}),
        ("c", {"narration_pass_2": {"narrations": [{"narration_text": "#C C runs"}]}}),
        ("d", {"narration_pass_1": {"narrations": [good, {**good, "timestamp_sec": -1}]}}),
        ("b", {}),
        ("e", None),
        ("f", {"narration_pass_1": {"narrations": [{**good, "narration_text": "#C C "}]}}),
        ("g", {"narration_pass_1": {"narrations": [{**good, "timestamp_sec": True}]}}),
        ("h", {"narration_pass_1": {"narrations": [{**good, "timestamp_sec": 1e300}]}}),
    ]
    members = ",".join(f"{json.dumps(uid)}: {json.dumps(video)}" for uid, video in videos)
    found = read_dataset("EGO4D.fpv", spoil("narration.json", f"{{{members}}}"))
    assert found.texts == {
        "b_clip000001": "8 s: C lifts something",
        "d_clip000001": "8 s: C lifts something",
    }
    assert found.left_out == [
        "item 1 (a) is left out: it has no narration",
        "item 2 (b) is left out: narration 1 of narration_pass_1 has no narration_text",
        "item 4 (c) is left out: narration 1 of narration_pass_2 has no timestamp_sec, in seconds",
        "item 5 (d) is left out: narration 2 of narration_pass_1 has no timestamp_sec, in seconds",
        "item 7 (b) is left out: the video comes a second time; the first stands",
        "item 8 (e) is left out: it has no narration",
        "item 9 (f) is left out: narration 1 of narration_pass_1 has no narration_text",
        "item 10 (g) is left out: narration 1 of narration_pass_1 has no timestamp_sec, in seconds",
        "item 11 (h) is left out: narration 1 of narration_pass_1 has no timestamp_sec, in seconds",
    ]


def test_both_releases_of_narrations_are_read(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """all_narrations_redacted.json says of the same videos the same, in an envelope of its own."""
    first = load_sample("ego4d.json")
    second = {
        uid: {
            "narrations": [
                {
                    "time": each["timestamp_sec"],
                    "text": each["narration_text"],
                    "_annotation_uid": each["annotation_uid"],
                }
                for name in ("narration_pass_2", "narration_pass_1")
                for each in video.get(name, {}).get("narrations", [])
            ],
            "summaries": [{"start_time": 0.0, "end_time": 60.0, "text": "#summary C cooked."}],
        }
        for uid, video in first.items()
    }
    second["worn"] = {"narrations": [{"time": None, "text": "#C C runs"}, {"time": 1.5}]}
    envelope = {"version": "2.0", "date": "230101", "videos": second, "annotators": 3}
    bare = read_dataset("EGO4D.fpv")
    found = read_dataset("EGO4D.fpv", spoil("all_narrations_redacted.json", envelope))
    assert found.texts.keys() == bare.texts.keys()
    for clip, text in bare.texts.items():
        assert sorted(found.texts[clip].splitlines()) == sorted(text.splitlines())
    assert [each.split("(")[1] for each in found.left_out] == [
        "worn) is left out: narration 1 has no time, in seconds",
        "worn) is left out: narration 2 has no text",
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("#C C opens the door", "C opens the door"),
        ("#c c opens the door\n", "C opens the door"),
        ("#C opens the door", "C opens the door"),
        ("#C Cuts the bread", "C Cuts the bread"),
        ("@c opens the door", "C opens the door"),
        ("# C C hands #O man X the cup", "C hands man X the cup"),
        ("#O a woman Y waves at C", "a woman Y waves at C"),
        ("#C C lifts #unsure with #Unsure", "C lifts something with something"),
        ("#Summary C cooked", "C cooked"),
    ],
)
def test_marks_of_narrators_become_words(
    written: str, read: str, read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """Who acts is said in one way, in whatever way a narrator has marked it."""
    video = {"narrations": [{"time": 3, "text": written}]}
    path = spoil("all_narrations_redacted.json", {"videos": {"v": video}})
    assert read_dataset("EGO4D.fpv", path).texts == {"v_clip000000": f"3 s: {read}"}


@pytest.mark.parametrize("mark", ["#C", "#C C", "#O", " "])
def test_marks_alone_say_nothing(
    mark: str, read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """A narration of marks alone is left out; the others of the video stand."""
    narrations = [{"time": 3, "text": mark}, {"time": 4, "text": "#C C sits"}]
    path = spoil("all.json", {"videos": {"v": {"narrations": narrations}}})
    found = read_dataset("EGO4D.fpv", path)
    assert found.left_out == ["item 1 (v) is left out: narration 1 has no text"]
    assert found.texts == {"v_clip000000": "4 s: C sits"}


def test_a_clip_has_frames_up_to_its_last_sentence(read_dataset: Callable[..., Any]) -> None:
    """Both passes in their order, without marks; a frame every two seconds of the video."""
    found = read_dataset("EGO4D.fpv")
    uid = "0a1b2c3d-5e6f-4a7b-8c9d-000000000001"
    assert found.texts[f"{uid}_clip000001"].splitlines() == [
        "5 s: C washes a spoon in the sink",
        "12 s: C dries the spoon with a towel something",
    ]
    frames = [f"E4D_IMG_{uid}_{second:08d}" for second in (32, 34, 36, 38, 40, 42, 44)]
    assert found.images(f"{uid}_clip000001") == frames


def test_rooms_leave_out_what_has_no_place_or_words(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """A description without a scene or words is told alone; of very many fifty are shown."""
    records = load_sample("scene_navigation.json")
    records[0]["description"] = " "
    records[1].pop("scene_id")
    records += [{"scene_id": "large", "description": f"chair number {at}."} for at in range(90)]
    found = read_dataset("SceneNavigation.3d", spoil("scanrefer.json", records))
    assert found.left_out == [
        "item 15 (scene0801_00) is left out: description 1 is empty",
        "item 16 is left out: description 2 has no scene_id",
    ]
    assert found.texts["large"].count("chair number") == 50
    assert found.texts["large"].partition("Activities and roles:")[2].count("\n- ") == 6


def test_funqa_leaves_out_incomplete_videos(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """A video without its reason, a record without its video, task or output: one line each."""
    records = load_sample("funqa.json")
    no_reason = records[2]["visual_input"]
    records[2]["output"] = ""
    records.append({"instruction": "Describe it.", "output": "x"})
    records.append({"instruction": "Hm?", "visual_input": "H_9.mp4", "output": "x"})
    path = spoil("funqa.json", records)
    for name in ("FunQADialogue.funqa", "FunQAMultipleChoice.funqa"):
        found = read_dataset(name, path)
        assert len(found.texts) == 11
        last = len(records)
        assert [each.split(" is left out: ")[1] for each in found.left_out] == [
            "record 3 has no output",
            f"record {last - 1} has no visual_input",
            f"record {last} has neither a task nor a known instruction",
            "the video has no reason why it surprises",
        ]
        assert no_reason.removesuffix(".mp4") in found.left_out[-1]


@pytest.mark.parametrize(
    ("instruction", "task"),
    [
        ("Find the video's humorous moment.", None),
        ("Find the videos magic moment.", None),
        ("Description of the video's creative moment.", "2"),
        ("Description of the videos magic moment.", "2"),
        ("Why is the whole video creative.", "3"),
        ("Please provide a caption for the video.", "4"),
        ("Please score the video's creativity in [0-20].", None),
        ("Please score the videos creativity in [0-20].", None),
    ],
)
def test_funqa_tasks_are_known_by_their_instruction(
    instruction: str,
    task: str | None,
    read_dataset: Callable[..., Any],
    spoil: Callable[[str, Any], Path],
) -> None:
    """Records without a task, as MIMIC-IT had them; times and scores are passed over."""
    last = {"instruction": "Why is the whole video magic.", "visual_input": "b.mp4", "output": "x"}
    record = {"instruction": instruction, "visual_input": "dir/a.mp4", "output": "y"}
    found = read_dataset("FunQATranslation.funqa", spoil("plain.json", [record, last]))
    assert list(found.texts) == [*([f"a_{task}"] if task else []), "b_3"]
    assert found.left_out == []


def test_a_funqa_task_goes_before_the_words_of_its_instruction(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """Published records put each question in many words; one without a task isn't guessed at."""
    records = [
        {
            "instruction": words,
            "visual_input": "H_1.mp4",
            "output": said,
            "task": task,
            "ID": f"t_{n}",
        }
        for n, (words, said, task) in enumerate(
            [
                ("Provide a detailed account of the funny moment.", "A cat shakes a cup.", "H2"),
                ("What makes the entire video funny?", "It can't get its head out.", "H3"),
                ("Give a suitable description for the video.", "Thirsty", "H4"),
                ("When does the laughter begin?", "[3, 80]", "H1"),
            ]
        )
    ]
    found = read_dataset("FunQADialogue.funqa", spoil("funqa_train.json", records))
    assert found.texts == {
        "H_1": "Description: A cat shakes a cup.\nWhy it surprises: It can't get its head out."
    }
    records[2].pop("task")
    found = read_dataset("FunQADialogue.funqa", spoil("funqa_train.json", records))
    why = "record 3 has neither a task nor a known instruction"
    assert found.left_out == [f"item 1 (H_1) is left out: {why}"]
    assert list(found.texts) == ["H_1"]
