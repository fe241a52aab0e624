"""Making a dataset from its class, whatever its constructor calls the two paths."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, get_args

from syphus.core.errors import PluginError
from syphus.core.records import RelatedBy
from syphus.plugins.faults import explaining, inputs_source, plugin_file, plugin_label, show_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from syphus.plugins.dataset import AbstractDataset

_PROMPT_NAMES = ("prompt_path", "in_context_path", "prefix_path")
_INPUT_NAMES = ("query_inputs_path", "annotation_path", "annotations_path", "query_input_path")
_SHORT = re.compile(r"\w+(-\w+)*")


def construct(
    plugin: type[AbstractDataset],
    *,
    root: Path,
    prompt_path: str | None,
    query_inputs_path: str | None,
) -> AbstractDataset:
    """A dataset of the class `plugin`. A path of None leaves the constructor's own default.

    Raises PluginError if the constructor raises, or has no parameter for a path that was given.
    """
    label = plugin_label(plugin)
    parameters = inspect.signature(plugin).parameters
    arguments: dict[str, Any] = {}
    if "name" in parameters and parameters["name"].default is inspect.Parameter.empty:
        arguments["name"] = plugin.__name__
    if prompt_path is not None:
        arguments[_choose(parameters, _PROMPT_NAMES, "--prompt_path", label)] = prompt_path
    if query_inputs_path is not None:
        arguments[_choose(parameters, _INPUT_NAMES, "--query_inputs_path", label)] = (
            query_inputs_path
        )
    _refuse_unset(parameters, arguments, label)
    plugin.root_folder = root.absolute()
    source = inputs_source(_inputs_path(parameters, arguments))
    with explaining(label=label, file=plugin_file(plugin), source=source):
        made = plugin(**arguments)
    with explaining(label=label, file=plugin_file(plugin)):
        _check_attributes(made, label)
    return made


def _choose(
    parameters: Mapping[str, inspect.Parameter], names: tuple[str, ...], flag: str, label: str
) -> str:
    for name in names:
        if name in parameters:
            return name
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return names[0]
    raise PluginError(
        f"{label}: {flag} was given, but the constructor has none of the parameters "
        f"{', '.join(names)}"
    )


def _refuse_unset(
    parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any], label: str
) -> None:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for name, parameter in parameters.items():
        wanted = parameter.default is inspect.Parameter.empty and parameter.kind not in variadic
        if wanted and name not in arguments:
            flag = _flag(name)
            mend = f"{flag} sets it" if flag else "give it a default"
            raise PluginError(f"{label}: the constructor needs a value for {name}; {mend}")


def _flag(name: str) -> str | None:
    if name in _PROMPT_NAMES:
        return "--prompt_path"
    return "--query_inputs_path" if name in _INPUT_NAMES else None


def _inputs_path(parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> Any:
    for name in _INPUT_NAMES:
        if name in parameters:
            return arguments.get(name, parameters[name].default)
    return None


def _check_attributes(made: AbstractDataset, label: str) -> None:
    def wrong(name: str, value: object, rule: str) -> PluginError:
        return PluginError(f"{label}: {name} is {show_value(value)}; {rule}")

    short, strategies = made.short, get_args(RelatedBy)
    if not isinstance(short, str) or not _SHORT.fullmatch(short):
        rule = "it begins ids and file names, so it holds letters, digits, hyphens and underscores"
        raise wrong("short", short, rule)
    if made.relations not in strategies:
        raise wrong("relations", made.relations, f"it is one of {', '.join(strategies)}")
    if not isinstance(made.turns, int) or made.turns < 0:
        raise wrong("turns", made.turns, "it is a number of pairs, or 0")
    model = made.response_model
    if model is not None and not hasattr(model, "model_json_schema"):
        raise wrong("response_model", model, "it must be a pydantic model")
    # Read here once, so that a property or method that raises is told before anything is asked.
    bool(made.free_text)
    bool(made.has_ready_pairs())
