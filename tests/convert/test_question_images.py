"""Images as they go with a question."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from syphus.convert.question_images import ImageEncoder
from syphus.convert.unreadable import Unreadable


@pytest.mark.parametrize("size", [(10_000, 9_000), (20_000, 20_000)])
def test_an_image_with_too_many_pixels_is_refused_without_a_flag_that_runs_lack(
    size: tuple[int, int],
) -> None:
    """Above Pillow's bound and above its double alike: a run has no `--max_pixels`."""
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")
    for look in (ImageEncoder(512).encode, ImageEncoder(512).measure):
        file.seek(0)
        with pytest.raises(Unreadable) as refused:
            look(file)
        assert str(refused.value).endswith("pixels; at most 89478485 are decoded")
