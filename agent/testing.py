"""The pytest plugin: a fixture `look` for tests with Playwright pages, `look(page).click("the Save button")`.

Loaded by pytest's entry point; imports nothing heavy before the first look.
"""

from collections.abc import Callable
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--look-model", default=None, help="The model that looks: nano, a file, a folder, or MODEL@URL.")


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Eyes and hands for a page: `look(page)`, of Playwright's sync API, or of its async API and then awaited."""
    from deixis.agent.look import look as looking

    model = request.config.getoption("--look-model")
    return lambda page, **options: looking(page, **{"model": model, **options})
