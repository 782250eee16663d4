"""What a transport is, and what it raises."""

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
