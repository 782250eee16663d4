"""Kills its process at a chosen call to the file system; Python imports it where it is on the path.

Deterministic: the moment is the number of a call, not a time. Environment:

- `KILL_AT`: the number of the call, 0 for none;
- `KILL_BELOW`: calls that change something below this folder count;
- `KILL_WHOM`: a word of the command line that the process must have, any by default;
- `KILL_COUNT`: a file for the number of calls that a process made which was not killed.
"""

import atexit
import os
import signal
import sys

CHANGES = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate")


def install(command: str) -> None:
    """Watches this process, whose command line is `command`, as the environment says."""
    if "KILL_BELOW" not in os.environ or os.environ.get("KILL_WHOM", "") not in command:
        return
    below = os.path.abspath(os.environ["KILL_BELOW"])
    moment, seen = int(os.environ.get("KILL_AT", "0")), 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event not in CHANGES or not os.path.abspath(str(arguments[0])).startswith(below):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def count() -> None:
        with open(os.environ["KILL_COUNT"], "w") as file:
            file.write(str(seen))

    if "KILL_COUNT" in os.environ:
        atexit.register(count)
    sys.addaudithook(hook)


install(" ".join(sys.orig_argv))
