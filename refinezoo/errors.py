"""The one exception refinezoo raises for a user's mistake, and the hint it carries."""

import difflib
from collections.abc import Iterable


class RefinezooError(ValueError):
    """Bad input: the message says what was expected, what came, and the remedy.

    Names of files may hold anything; what would steer a terminal is shown escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


def printable(text: str) -> str:
    """`text` with control characters, and bytes of names that are no UTF-8, escaped."""
    return "".join(
        char
        if char.isprintable() or char in "\n\t\xa0\u3000"
        else char.encode("unicode_escape").decode()
        for char in text
    )


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A hint to append to an error: `" Did you mean 'cyclegan'?"`, or an empty string."""
    close = difflib.get_close_matches(str(name), [str(choice) for choice in choices], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
