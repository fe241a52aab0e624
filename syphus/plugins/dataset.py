"""The class that a plugin extends."""

from __future__ import annotations

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from syphus.core.image_ids import image_id
from syphus.plugins.faults import (
    Source,
    explaining,
    inputs_source,
    plugin_file,
    plugin_label,
    prompt_source,
)
from syphus.plugins.prompt_file import read_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from syphus.core.records import Pair, Query, RelatedBy


class AbstractDataset(ABC):
    """What to ask about, and how to ask it.

    A plugin extends this class and writes `_load_query_inputs`; the rest has defaults. The
    constructor stores its arguments and reads nothing. A path of None leaves the class's own
    `prompt_path` or `query_inputs_path` in force. Relative paths are tried in the working folder,
    then in `root_folder`, the one above `datasets/`; what is no existing file is handed over
    unchanged.

    `short` begins the ids of the finished data set; without one, the capitals and digits of the
    class's name do. `free_text` says that replies are kept whole instead of being split into
    pairs. `response_model` is a pydantic model where replies are asked for as structured data.
    `relations` says which pairs stand in `rel_ins_ids`: the others on the same images
    ("same_source"), those before it in its reply ("previous_turns"), or those of other queries
    whose texts are most alike ("nearest_text"). `turns` is how many pairs make a conversation where
    a reply holds several; 0 where all of a reply are one.

    With `--quality`, `giveaway_phrases` are looked for beside those of all data sets,
    `question_words` and `answer_words` are the least and the most words, and `quality_skips` names
    checks that would be wrong here.
    """

    name: str = ""
    prompt_path: str | None = None
    query_inputs_path: str | None = None
    short: str = ""
    free_text: bool = False
    relations: RelatedBy = "same_source"
    turns: int = 0
    response_model: type | None = None
    giveaway_phrases: Collection[str] = ()
    question_words: tuple[int, int] | None = None
    answer_words: tuple[int, int] | None = None
    quality_skips: Collection[str] = ()
    root_folder: ClassVar[Path] = Path()
    _derived_short: ClassVar[str] = ""
    _syphus_prompt: Any = None
    _syphus_inputs: Any = None

    def __init__(
        self, name: str = "", prompt_path: str | None = None, query_inputs_path: str | None = None
    ) -> None:
        self.name = name or type(self).__name__
        if prompt_path is not None:
            self.prompt_path = prompt_path
        if query_inputs_path is not None:
            self.query_inputs_path = query_inputs_path

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if cls.short == cls._derived_short and not vars(cls).get("short"):
            capitals = "".join(mark for mark in cls.__name__ if mark.isupper() or mark.isdigit())
            cls.short = cls._derived_short = capitals or cls.__name__.upper()

    @abstractmethod
    def _load_query_inputs(self, path: Any) -> Iterable[Mapping[str, Any]]:
        """The items to ask about: {"id", "sentences"} and, optionally, "images".

        "id" is a text or an integer, "sentences" a text or a list of texts that become its lines,
        "images" a list of texts or paths. A list or a generator; the path may be left out of the
        method's parameters. {"id", "skip"} leaves an item out, "skip" being the reason: it is told
        and counted, and the rest goes on.
        """

    def _load_prefix(self, path: Any) -> Mapping[str, Any]:
        """The prompt: {"system_message": str, "in_context": [{"role", "content"}, ...]}."""
        return read_prompt(path)

    def _load_prompt(self, path: Any) -> Mapping[str, Any]:
        """The older spelling of `_load_prefix`."""
        return AbstractDataset._load_prefix(self, path)

    @property
    def prompt(self) -> Any:
        """The prompt as the plugin gives it, read once. Assigning it replaces it."""
        if self._syphus_prompt is None:
            path = find_file(self.prompt_path, self.root_folder)
            self._syphus_prompt = self._load(self._prompt_method(), path, prompt_source(path))
        return self._syphus_prompt

    @prompt.setter
    def prompt(self, value: Any) -> None:
        self._syphus_prompt = value

    @property
    def query_inputs(self) -> Any:
        """The items as the plugin gives them, unchecked. Assigning them replaces them.

        A list is read once; a generator is made anew each time, because it can be used only once.
        """
        if self._syphus_inputs is not None:
            return self._syphus_inputs
        path = find_file(self.query_inputs_path, self.root_folder)
        items = self._load(self._load_query_inputs, path, inputs_source(path))
        if not isinstance(items, Iterator):
            self._syphus_inputs = items
        return items

    @query_inputs.setter
    def query_inputs(self, value: Any) -> None:
        self._syphus_inputs = value

    def parse(self, reply: str) -> Iterable[Mapping[str, str]] | None:  # noqa: ARG002 - for plugins
        """The pairs of a reply, as {"question", "answer"}; None leaves it to Syphus's parser.

        Asking waits while it runs. Of more than 1,000 pairs the first 1,000 are kept.
        """
        return None

    def user_message(self, query: Query) -> str:
        """What the model is told about one query."""
        return query.text

    def image_ids(self, query: Query) -> Sequence[str]:
        """The ids of the images that the query's pairs belong to."""
        return (image_id(self.short, query.source_id),)

    def sent_images(self, query: Query) -> Sequence[str | Path | bytes]:  # noqa: ARG002 - for plugins
        """The images that the model is shown with the question: files, addresses or bytes.

        They come after the text, in this order. Called again when a request is about to be sent,
        from any thread, one call at a time; it must give the same.
        """
        return ()

    @classmethod
    def sends_images(cls) -> bool:
        """Whether the plugin shows images to the model."""
        return cls.sent_images is not AbstractDataset.sent_images

    def ready_pairs(self, query: Query) -> Sequence[Pair] | None:  # noqa: ARG002 - for plugins
        """The pairs of a query that are there already and only want translation.

        A plugin that defines it brings those of every query, and none is asked.
        """
        return None

    @classmethod
    def has_ready_pairs(cls) -> bool:
        """Whether the plugin's queries bring their pairs, so that no prompt is needed."""
        return cls.ready_pairs is not AbstractDataset.ready_pairs

    def _prompt_method(self) -> Callable[..., Any]:
        for level in type(self).__mro__:
            if "_load_prefix" in vars(level):
                break
            if "_load_prompt" in vars(level):
                return self._load_prompt
        return self._load_prefix

    def _load(self, method: Callable[..., Any], path: Any, source: Source) -> Any:
        plugin = type(self)
        label, file = plugin_label(plugin), plugin_file(plugin)
        with explaining(label=label, file=file, source=source):
            return method(path) if _takes_path(method) else method()


def find_file(path: Any, root: Path) -> Any:
    """`path` as a plugin gets it: the file in the working folder, else the one under `root`.

    What is no path of an existing file is given back as it is.
    """
    if not path or not isinstance(path, str | Path):
        return path
    # Those of os.path raise nothing where a text is too long for a path, or names no user.
    wanted = Path(os.path.expanduser(path))  # noqa: PTH111 - see above
    if os.path.exists(wanted):  # noqa: PTH110 - see above
        return str(wanted)
    beside = root / wanted
    return str(beside) if os.path.exists(beside) else str(path)  # noqa: PTH110 - see above


def _takes_path(method: Callable[..., Any]) -> bool:
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(each.kind in positional for each in inspect.signature(method).parameters.values())
