"""One of several runs that share a dataset: `--shard 3/8` of a job array."""

from collections.abc import Sequence
from dataclasses import dataclass

from refinezoo.errors import RefinezooError


@dataclass(frozen=True)
class Shard:
    """Every `of`-th file, from the `number`-th on.

    Args:
        number: from 1.
        of: runs in all.

    Raises:
        RefinezooError: no such part.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise RefinezooError(
                f"expected a shard from 1/{max(self.of, 1)} to {max(self.of, 1)}/{max(self.of, 1)},"
                f" received {self.number}/{self.of}."
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Of `"3/8"`.

        Raises:
            RefinezooError: another text, or no such part.
        """
        number, _, of = text.partition("/")
        if not (number.strip().isdecimal() and of.strip().isdecimal()):
            raise RefinezooError(
                f"expected --shard as 3/8, the third of eight, received {text!r}. In a job array: "
                '--shard "$SLURM_ARRAY_TASK_ID/8", with tasks from 1 to 8.'
            )
        return cls(int(number), int(of))

    @property
    def name(self) -> str:
        """As files are called: `3-of-8`."""
        return f"{self.number}-of-{self.of}"

    def take(self, files: Sequence[str]) -> list[str]:
        """Its share of some files; all shards together have each once."""
        return list(files[self.number - 1 :: self.of])
