"""docs/settings.md says what the docstrings say."""

import configparser
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import settings_page  # noqa: E402


def test_the_page_is_that_of_the_docstrings():
    assert settings_page.PAGE.read_text("utf8") == settings_page.make_page()


def test_everything_that_a_config_can_name_is_on_the_page():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    others = {"spacy_cli", "spacy_displacy_colors"}
    assert set(settings_page.GROUPS) | others == set(setup["options.entry_points"])


def test_settings_that_may_be_null_say_so():
    for group in settings_page.GROUPS:
        for name, function in settings_page.registered(group):
            hints = get_type_hints(function)
            for setting in settings_page.read(group, name, function)[1]:
                # What must be given is never null, though a reader may take it to say so itself.
                nullable = type(None) in get_args(hints.get(setting.name.strip("`")))
                if nullable and setting.default:
                    assert setting.type.startswith("`Optional["), f"{name}: {setting.name}"


def test_a_setting_without_a_word_is_refused():
    def make(depth: int = 1, width: int = 2) -> None:
        """Make it.

        depth (int): of the thing,
            in layers.
        RETURNS (None): nothing.
        """

    with pytest.raises(ValueError, match=r"thing: .*'width'"):
        settings_page.read("spacy_architectures", "thing", make)


def test_a_docstring_is_taken_apart():
    def make(depth: int, on: bool = False, rate: float = 0.0, name: str = "", end=None) -> None:
        """Make it.

        In two | lines.

        depth (Optional[int]): of the thing,
            in layers.
        on (bool): a | b
        rate (float): of it
        name (str): of it
        end (int or str): of it
        RAISES (ValueError): M011 for
            a wrong one.
        """

    about, settings = settings_page.read("spacy_architectures", "thing", make)
    assert about == "Make it.\n\nIn two | lines."
    assert settings[0] == ("`depth`", "`Optional[int]`", "", "of the thing, in layers.")
    defaults = ["`false`", "`0.0`", '`""`', "`null`"]
    assert [setting.default for setting in settings[1:]] == defaults
    assert settings_page.cell(settings[1].text) == "a \\| b"
