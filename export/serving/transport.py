"""What a transport is, and what it raises."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from refinezoo.errors import RefinezooError


class ServingError(RefinezooError):
    """What a server answered instead of a result: `code_name` (INVALID_ARGUMENT), `message`."""

    def __init__(self, code_name: str, message: str):
        self.code_name, self.message = code_name, message
        super().__init__(f"{code_name}: {message}")


class Transport(Protocol):
    """How requests reach a server: one try each, `ServingError` on refusal."""

    def predict(
        self, signature: str, inputs: dict[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]: ...

    def states(self, seconds: float) -> dict[int, str]: ...

    def close(self) -> None: ...


_BROKEN = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Words a reply of another form than the protocol's, whatever it breaks, as `ServingError`."""
    try:
        yield
    except ServingError:
        raise
    except _BROKEN as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ServingError(
            "DATA_LOSS",
            f"expected {what}, received another reply ({said}). Is it a TF Serving with a model "
            "that refinezoo exported?",
        ) from None
