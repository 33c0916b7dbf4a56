"""The application's web server, which calls on real sockets ask."""

import pytest

from _support.web import Web


@pytest.fixture
def web():
    with Web() as server:
        yield server
