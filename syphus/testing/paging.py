"""Pages of lists: `limit` and `after`, as OpenAI's cursor pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.testing.upload import refuse_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.testing.errors import Circumstances


def cut_page(
    values: list[dict[str, Any]],
    query: Mapping[str, str],
    about: Circumstances,
    *,
    default: int,
    most: int,
) -> dict[str, Any]:
    """The page of `values`, which stand in the order of the list. Raises Refused."""
    limit = query.get("limit", str(default))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= most):
        raise refuse_call(about, "limit", f"The limit lies between 1 and {most}.")
    begin = 0
    if "after" in query:
        places = (place for place, value in enumerate(values) if value["id"] == query["after"])
        begin = next(places, -1) + 1
        if not begin:
            raise refuse_call(about, "after", "There is no such place in the list.")
    page = values[begin : begin + int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": begin + len(page) < len(values),
    }
