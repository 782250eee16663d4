"""Frames over processes: in order; a process that ends is said with what to do."""

import os

import pytest

from refinezoo.errors import RefinezooError
from refinezoo.scenes.workers import over_processes


def test_a_process_that_ends_is_said():
    frames = over_processes(abs, range(2), workers=1, start=os._exit, arguments=(1,), chunk=1)
    with pytest.raises(RefinezooError, match="if __name__ == '__main__'"):
        list(frames)
