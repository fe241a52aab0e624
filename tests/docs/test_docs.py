"""The documents say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import syphus
from syphus.cli.reference import commands_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_of_commands_is_up_to_date() -> None:
    """`make docs` would change nothing."""
    assert (ROOT / "docs/commands.md").read_text(encoding="utf-8") == commands_page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    """Pages name files that are there."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_has_a_head(page: Path) -> None:
    """An empty line in a table ends it, and what follows is shown as bars and words."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"\n\n(\|.*)\n(?!\|[-|: ]+\|\n)", text) == []


def test_every_page_is_linked_from_the_readme() -> None:
    """A page that nobody can find helps nobody."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in readme] == []


def test_the_readme_shows_the_template_as_it_is() -> None:
    """The plugin that the README walks through is the file that ships."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "datasets/your_dataset.py").read_text(encoding="utf-8").strip() in readme


def test_the_readme_installs_into_an_environment_of_its_own() -> None:
    """Many systems refuse `pip install` outside of one; CI runs these lines as they are."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("<!-- plain install -->\n```\n")[1].split("```")[0].splitlines()
    assert block[0] == "python3 -m venv .venv && . .venv/bin/activate"
    taken = re.search(r"grep -E '([^']+)'", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert taken is not None
    assert [line for line in block if not re.match(taken[1], line)] == []


def test_the_files_that_the_template_names_ship() -> None:
    """Whoever copies it can open the annotations and the prompt that it reads."""
    template = (ROOT / "datasets/your_dataset.py").read_text(encoding="utf-8")
    named = re.findall(r'_path = "([^"]+)"', template)
    assert sorted(named) == ["datasets/samples/your_dataset.json", "prompts/your_dataset.json"]
    assert all((ROOT / path).is_file() for path in named)


def test_the_public_names_are_complete_and_sorted() -> None:
    """`__all__` has every public name of the package, each of which can be imported."""
    assert sorted(syphus.__all__) == syphus.__all__
    assert all(getattr(syphus, name) for name in syphus.__all__)
