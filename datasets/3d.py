"""Indoor scenes: ScanNet's rooms, as ScanRefer describes their objects."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from syphus import AbstractDataset, stream_json
from syphus.plugins.sampling import dice_for, keep_some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_MOST_DESCRIPTIONS = 50
_CANDIDATES = 6
_ACTIVITIES = (
    ("cook dinner for two", "someone who just came home from work"),
    ("give a birthday party", "a student"),
    ("practise yoga", "a yoga teacher"),
    ("study for an exam", "a student"),
    ("work from home for a day", "an office worker"),
    ("clean the room thoroughly", "a housekeeper"),
    ("watch a film together", "a parent of two children"),
    ("make the room safe for a toddler", "a parent"),
    ("hold a small meeting", "a team leader"),
    ("take photos of the furniture", "a landlord"),
    ("repair something that is broken", "a handyman"),
    ("do the laundry", "a flatmate"),
    ("play music with friends", "a guitarist"),
    ("read quietly in the evening", "a retired teacher"),
    ("find a place for a wheelchair", "a wheelchair user"),
    ("move in with many boxes", "a new tenant"),
    ("paint the walls", "a decorator"),
    ("get ready in a hurry in the morning", "a commuter"),
    ("look after plants", "a gardener"),
    ("let guests sleep over", "a host"),
)


class _Turn(BaseModel):
    """What the human asks, and what the assistant answers."""

    question: str
    answer: str


class _Conversation(BaseModel):
    """Three rounds about one activity, who wants to do it, and why this room suits."""

    activity: str
    human_role: str
    reason: str
    rounds: list[_Turn] = Field(min_length=3, max_length=3)


class _Conversations(BaseModel):
    """The activities that suit the room best."""

    conversations: list[_Conversation] = Field(min_length=1, max_length=3)


class SceneNavigation(AbstractDataset):
    """Rooms: how to do something there, in conversations of three rounds (ScanNet).

    The file is ScanRefer's: [{"scene_id", "object_id", "ann_id", "description"}, ...]. Of a
    scene's descriptions up to 50 are shown, and six activities with the role of who wants to do
    them are offered, drawn by the scene's id.
    """

    short = "SN"
    relations = "previous_turns"
    turns = 3
    prompt_path = "prompts/scene_navigation.json"
    query_inputs_path = "datasets/samples/scene_navigation.json"
    giveaway_phrases = ("the list of activities", "the activities and roles")
    response_model = _Conversations

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        scenes: dict[str, dict[str, None]] = defaultdict(dict)
        faults: list[dict[str, str]] = []
        for number, entry in enumerate(stream_json(path), 1):
            fields = entry if isinstance(entry, dict) else {}
            scene, description = fields.get("scene_id"), fields.get("description")
            if not isinstance(scene, str) or not scene:
                faults.append({"id": "", "skip": f"description {number} has no scene_id"})
            elif not isinstance(description, str) or not description.strip():
                faults.append({"id": scene, "skip": f"description {number} is empty"})
            else:
                scenes[scene][" ".join(description.split())] = None
        for scene, descriptions in scenes.items():
            shown = keep_some(list(descriptions), _MOST_DESCRIPTIONS, scene)
            offered = dice_for(scene).sample(_ACTIVITIES, _CANDIDATES)
            lines = [f"- {activity}: {role}" for activity, role in offered]
            yield {"id": scene, "sentences": [*shown, "", "Activities and roles:", *lines]}
        yield from faults

    def image_ids(self, query: Query) -> Sequence[str]:
        """The scene, whose first scan MIMIC-IT names without its _00: SN_IMG_scene0000."""
        return (f"{self.short}_IMG_{query.source_id.removesuffix('_00')}",)
