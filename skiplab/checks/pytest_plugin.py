"""`pytest --pyargs skiplab.checks --notebook PATH`: the checks of a lesson as tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the notebook whose answers are to be tested."""
    parser.getgroup("skiplab").addoption(
        "--notebook",
        metavar="PATH",
        help="a lesson's notebook: its answers are held to every property of every check",
    )
