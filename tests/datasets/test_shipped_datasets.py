from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import AnnotationError
from syphus.core.records import Query
from syphus.plugins import QuerySource, available, load_dataset

ROOT = Path(__file__).parents[2]
SPOT_THE_DIFFERENCE = ROOT.parent / "shared/data/spot_the_diff_val.json"
NAMES = {
    "DenseCaptions.video": "DC",
    "TVCaptions.video": "TVC",
    "SpotTheDifference.change": "SD",
    "YourDataset.your_dataset": "YD",
    "CocoSpotTheDifference.change": "CGD",
    "LACONV.2d": "LACONV",
    "LADD.2d": "LADD",
    "SceneNavigation.3d": "SN",
    "EGO4D.fpv": "E4D",
    "VisualStoryTelling.video": "VST",
    "FunQATranslation.funqa": "FunQA",
    "FunQAMultipleChoice.funqa": "FunQA_MC",
    "FunQADialogue.funqa": "FunQA_DIA",
}


def read(name: str, path: Path | None = None) -> list[Query]:
    """The queries of a dataset, of its sample if no path is given."""
    made = load_dataset(
        name,
        root=ROOT,
        prompt_path=None,
        query_inputs_path=None if path is None else str(path),
    )
    source = QuerySource(made)
    source.check_ahead(1000)
    return list(source)


def read_annotations(tmp_path: Path, name: str, value: Any, *, lines: bool = False) -> list[Query]:
    """The queries of a dataset whose annotations are `value`."""
    path = tmp_path / "annotations"
    path.write_text("\n".join(json.dumps(each) for each in value) if lines else json.dumps(value))
    return read(name, path)


def test_every_dataset_is_listed() -> None:
    """The datasets that come with Syphus are found, without a problem."""
    assert {each.name: each.problem for each in available(ROOT)} == dict.fromkeys(
        [*NAMES, "Translation.translate"]
    )
    assert all(each.summary for each in available(ROOT))


def test_datasets_is_no_package() -> None:
    """The folder has no __init__.py, which would hide Hugging Face's datasets."""
    assert not list((ROOT / "datasets").rglob("__init__.py"))


@pytest.mark.parametrize("name", NAMES)
def test_sample_is_read_from_any_folder(name: str) -> None:
    """Each dataset reads its sample, wherever the command is run, and says something of each."""
    found = read(name)
    assert 5 <= len(found) <= 13
    assert all(query.text for query in found)
    assert all(len(query.text) < 800 for query in found)


@pytest.mark.parametrize(("name", "short"), NAMES.items())
def test_prefixes(name: str, short: str) -> None:
    """Each dataset has its prefix as MIMIC-IT has it."""
    made = load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=None)
    assert made.short == short


def test_dense_captions(tmp_path: Path) -> None:
    """An event becomes a line with its rounded start and end."""
    video = {
        "duration": 60.4,
        "timestamps": [[0, 18.51], [17.2, 60.4]],
        "sentences": ["A girl dances.", " She bows. "],
    }
    (query,) = read_annotations(tmp_path, "DenseCaptions.video", {"v_x": video})
    assert query == Query(
        id="v_x", text="0 to 19 s: A girl dances.\n17 to 60 s: She bows.", source_id="v_x"
    )


@pytest.mark.parametrize(
    ("video", "said"),
    [
        (
            {"timestamps": [[0, 1], [1, 2]], "sentences": ["a"]},
            "it has 2 timestamps and 1 sentences",
        ),
        ({"timestamps": [[0, 1]]}, "it has no sentences"),
        ({"sentences": ["a"]}, "it has no timestamps"),
        ({"timestamps": [], "sentences": []}, "it has no sentence"),
        ({"timestamps": [[0]], "sentences": ["a"]}, "event 1 has no [start, end]"),
        (
            {"timestamps": [[0, float("nan")]], "sentences": ["a"]},
            "event 1 has no [start, end] in seconds",
        ),
        (
            {"timestamps": [["0", "1"]], "sentences": ["a"]},
            "event 1 has no [start, end] in seconds",
        ),
        ({"timestamps": [[-1, 1]], "sentences": ["a"]}, "event 1 has no [start, end] in seconds"),
        (
            {"timestamps": [[0, 10**400]], "sentences": ["a"]},
            "event 1 has no [start, end] in seconds",
        ),
        ({"timestamps": [[0, 1]], "sentences": [None]}, "event 1 has no sentence"),
        (
            {"timestamps": [[70, 80]], "sentences": ["a"], "duration": 61.5},
            "event 1 begins at 70 s, and the video ends at 61.5 s",
        ),
        (None, "it has no timestamps"),
        ([], "it has no timestamps"),
    ],
)
def test_malformed_dense_captions(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path], video: Any, said: str
) -> None:
    """A malformed video is left out with a line, and the next one is read."""
    good = {"timestamps": [[0, 1]], "sentences": ["a"]}
    found = read_dataset("DenseCaptions.video", spoil("train.json", {"v_x": video, "v_good": good}))
    assert found.left_out == [f"item 1 (v_x) is left out: {said}"]
    assert found.texts == {"v_good": "0 to 1 s: a"}


def test_events_that_no_video_could_have(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """One beyond the end is left out alone; one that is too long, or turned round, is set right."""
    video = {
        "duration": 60.4,
        "timestamps": [[5, 5], [50, 90], [30, 20], [61, 62], [1, 2]],
        "sentences": ["a", "b", "c", "d", " "],
    }
    found = read_dataset("DenseCaptions.video", spoil("train.json", {"v": video}))
    assert found.texts == {"v": "5 to 5 s: a\n50 to 60 s: b\n20 to 30 s: c"}
    assert found.left_out == [
        "item 1 (v) is left out: event 4 begins at 61 s, and the video ends at 60.4 s",
        "item 2 (v) is left out: event 5 has no sentence",
    ]


def test_tv_captions(tmp_path: Path) -> None:
    """A clip's captions become lines; a clip's name that comes again gets a number."""
    clips = [
        {"vid_name": "s01", "descs": [{"desc": "A waves. "}, {"desc": "B waves."}]},
        {"vid_name": "s01", "descs": [{"desc": "A leaves."}]},
    ]
    found = read_annotations(tmp_path, "TVCaptions.video", clips, lines=True)
    assert [(each.id, each.text) for each in found] == [
        ("s01", "A waves.\nB waves."),
        ("s01#2", "A leaves."),
    ]


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ({"descs": []}, ": clip 2 has no vid_name"),
        ([], ": clip 2 has no vid_name"),
        ({"vid_name": "s02"}, " (s02): it has no descs"),
        ({"vid_name": "s02", "descs": []}, " (s02): it has no descs"),
        ({"vid_name": "s02", "descs": [{"text": "x"}]}, " (s02): its caption 1 has no desc"),
        ({"vid_name": "s02", "descs": ["x"]}, " (s02): its caption 1 has no desc"),
        ({"vid_name": "s02", "descs": [{"desc": " "}]}, " (s02): its caption 1 has no desc"),
    ],
)
def test_malformed_tv_captions(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path], clip: Any, said: str
) -> None:
    """A malformed clip, or a caption alone, is left out with a line."""
    good = {"vid_name": "s01", "descs": [{"desc": "x"}]}
    lines = "\n".join(json.dumps(each) for each in (good, clip, {**good, "vid_name": "s03"}))
    found = read_dataset("TVCaptions.video", spoil("train.jsonl", lines))
    assert found.left_out == [f"item 2{said}".replace(":", " is left out:", 1)]
    assert list(found.texts) == ["s01", "s03"]


def test_spot_the_difference(tmp_path: Path) -> None:
    """A record's sentences become lines; it belongs to two pictures."""
    records = [{"img_id": "5406", "sentences": ["a", "b"]}]
    (query,) = read_annotations(tmp_path, "SpotTheDifference.change", records)
    assert (query.id, query.text) == ("5406", "a\nb")
    made = load_dataset(
        "SpotTheDifference.change", root=ROOT, prompt_path=None, query_inputs_path=None
    )
    assert list(made.image_ids(query)) == ["SD_IMG_05406_1", "SD_IMG_05406_2"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"sentences": ["a"]}, "item 2 is left out: record 2 has no img_id"),
        ({"img_id": None, "sentences": ["a"]}, "item 2 is left out: record 2 has no img_id"),
        ("x", "item 2 is left out: record 2 has no img_id"),
        ({"img_id": "77"}, "item 2 (77) is left out: record 2 has no list of sentences"),
        (
            {"img_id": "77", "sentences": [1]},
            "item 2 (77) is left out: record 2 has a sentence that is no text",
        ),
    ],
)
def test_malformed_spot_the_difference(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path], record: Any, said: str
) -> None:
    """A malformed record is left out with a line."""
    good = {"img_id": "76", "sentences": ["a"]}
    path = spoil("train.json", [good, record, {**good, "img_id": 78}])
    found = read_dataset("SpotTheDifference.change", path)
    assert found.left_out == [said]
    assert list(found.texts) == ["76", "78"]


@pytest.mark.shared_data
@pytest.mark.skipif(not SPOT_THE_DIFFERENCE.exists(), reason="needs ../shared/data")
def test_real_spot_the_difference() -> None:
    """The real file, read here a second way, gives a query for each different record.

    It repeats ids with other texts, and some of its texts are empty.
    """
    records = json.loads(SPOT_THE_DIFFERENCE.read_text())
    texts = [(each["img_id"], "\n".join(each["sentences"])) for each in records]
    found = read("SpotTheDifference.change", SPOT_THE_DIFFERENCE)
    assert [(each.source_id, each.text) for each in found] == list(dict.fromkeys(texts))
    assert len({each.id for each in found}) == len(found)
    assert {each.id for each in found} >= {each["img_id"] for each in records}
    assert sum(not each.text for each in found) == 6
    assert (len(records), len({name for name, _ in texts})) == (1634, 1493)


def test_template_can_be_copied(tmp_path: Path) -> None:
    """The template works under other names, as its users are told to begin."""
    source = (ROOT / "datasets/your_dataset.py").read_text()
    (tmp_path / "datasets").mkdir()
    copy = source.replace("YourDataset", "Boats").replace("your_dataset", "boats")
    (tmp_path / "datasets/boats.py").write_text(copy)
    shutil.copy(ROOT / "datasets/samples/your_dataset.json", tmp_path / "mine.json")
    made = load_dataset(
        "Boats.boats", root=tmp_path, prompt_path=None, query_inputs_path="mine.json"
    )
    assert len(list(QuerySource(made))) == 5


@pytest.mark.parametrize("name", ["DenseCaptions.video", "SpotTheDifference.change"])
def test_a_file_that_is_cut_off_is_told_at_once(tmp_path: Path, name: str) -> None:
    """The first item isn't given before the last has been read."""
    videos = {f"v{at}": {"timestamps": [[0, 1]], "sentences": ["a"]} for at in range(3000)}
    pairs = [{"img_id": str(at), "sentences": ["a"]} for at in range(3000)]
    path = tmp_path / "train.json"
    path.write_text(json.dumps(videos if name.startswith("Dense") else pairs)[:-30])
    made = load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=str(path))
    with pytest.raises(AnnotationError, match="broken JSON"):
        next(iter(QuerySource(made)))
