"""Fixtures of every suite: a platform for each file of tests, and functions on it."""
import pytest

import harness


@pytest.fixture
def start():
    """Starts platforms of a single test's own."""
    platforms = []

    def start_one(*flags, **options):
        platforms.append(harness.Lambent(*flags, **options))
        return platforms[-1]

    yield start_one
    for platform in platforms:
        platform.remove()


@pytest.fixture(scope="module")
def platform(request):
    """The file's platform; `FLAGS` in the file are added to its command line."""
    platform = harness.Lambent(*getattr(request.module, "FLAGS", ()))
    yield platform
    alive = platform.running()
    log = platform.log()
    platform.remove()
    assert alive, "the platform ended under the tests\n" + log[-4000:]
    assert "panicked" not in log, log[-4000:]


@pytest.fixture(scope="module")
def functions(platform):
    return harness.Functions(platform)
