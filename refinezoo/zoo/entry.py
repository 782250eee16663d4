"""What the config of a zoo entry may say."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from refinezoo.config import Strict
from refinezoo.models.registry import checked_kind_name
from refinezoo.models.weights import Weights


class DataSource(Strict):
    """A data set that the entry was trained or measured on, and the terms it came under."""

    name: str
    source: str
    licence: str
    split: str = ""
    role: str = ""


class Recipe(Strict):
    """How the numbers of the entry came about: enough to get them again."""

    command: str
    hardware: str
    minutes: float = Field(ge=0)
    seeds: list[int] = []
    date: str
    notes: str = ""


class Result(Strict):
    """One measured number: `value` is the mean of `n` runs and `spread` their deviation."""

    dataset: str
    split: str
    metric: str
    rule: str
    value: float
    spread: float | None = None
    n: int = Field(default=1, ge=1)
    baseline: str = ""
    baseline_value: float | None = None
    baseline_spread: float | None = None
    notes: str = ""


class ZooEntry(Strict):
    """One zoo entry: what it is, where it comes from, what it measured and where it ends.

    `version` grows when better weights take the place of others; those are in the package's older
    releases.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.]*$")
    version: int = Field(1, ge=1)
    kind: str
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    class_name: str = Field(alias="class")
    config: dict[str, Any] = {}
    weights: Weights | None
    licence: str
    data: list[DataSource] = []
    recipe: Recipe | None = None
    results: list[Result] = []
    limits: list[str] = []
    reference: str | list[str] = ""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        return checked_kind_name(value)

    @model_validator(mode="after")
    def _numbers_need_a_recipe(self) -> "ZooEntry":
        if self.results and self.recipe is None:
            raise ValueError("results need a recipe (command, hardware, minutes, date)")
        return self
