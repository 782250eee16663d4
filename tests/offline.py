"""`python tests/offline.py COMMAND...`: runs a command that dies if it, or a child, goes online.

A seccomp filter kills the process that asks the kernel for an internet socket, which is the first
step of every connection and of every DNS query, from Python or from native code. One kind it only
refuses, as a machine without IPv6 would: urllib3 asks for it when it is imported, and binds it to
the machine itself.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import subprocess
import sys
from pathlib import Path

_SOCKET = {"x86_64": 41, "aarch64": 198}  # numbers of the system call
_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # instructions of the filter
_NUMBER, _FAMILY, _TYPE = 0, 16, 24  # offsets in struct seccomp_data: the call, its arguments
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000 | errno.EAFNOSUPPORT, 0x7FFF0000
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl


def go_offline() -> None:
    """Takes the internet from this process and from all that it starts."""
    program = [
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 8, _SOCKET[platform.machine()]),  # jumps: if equal, if not
        (_LOAD, 0, 0, _FAMILY),
        (_EQUAL, 5, 0, socket.AF_INET),
        (_EQUAL, 0, 5, socket.AF_INET6),
        (_LOAD, 0, 0, _TYPE),
        (_AND, 0, 0, 0xF),
        (_EQUAL, 0, 1, socket.SOCK_STREAM),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    kernel = ctypes.CDLL(None, use_errno=True)
    passed = ctypes.byref(Program(len(program), code))
    if kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or kernel.prctl(_SET_SECCOMP, _FILTER, passed):
        raise OSError(ctypes.get_errno(), "no seccomp filter here")


# What dependencies leave in the home folder, and TensorFlow in the temporary one, as docs/export.md
# says.
CACHES = (".keras/keras.json", ".cache/matplotlib", ".config/matplotlib")
CACHES += ("__pycache__/__autograph_generated_file",)


def python(place: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Runs Python offline, with home, temporary and working folders of its own in `place`."""
    env = {key: value for key, value in os.environ.items() if "ORT_" not in key}
    env |= {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp")}
    env |= {"XDG_CACHE_HOME": str(place / "home/.cache")}
    for name in ("home", "tmp", "work"):
        (place / name).mkdir(exist_ok=True)
    command = [sys.executable, __file__, sys.executable, *arguments]
    return subprocess.run(command, env=env, cwd=place / "work", capture_output=True, text=True)


def left(place: Path) -> list[str]:
    """Files in the home, temporary and working folders beyond the caches that the docs name."""
    homes = [place / name for name in ("home", "tmp", "work")]
    found = [path.relative_to(home) for home in homes for path in home.rglob("*") if path.is_file()]
    return [name.as_posix() for name in found if not name.as_posix().startswith(CACHES)]


if __name__ == "__main__":
    go_offline()
    os.execvp(sys.argv[1], sys.argv[1:])
