"""What the config of a zoo entry may say."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from refinezoo.config import Strict
from refinezoo.models.weights import Weights

Kind = Literal["refiner", "detector", "segmenter", "depth", "pose", "range", "classifier"]


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
    """One zoo entry: what it is, where it comes from, what it measured and where it ends."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.]*$")
    kind: Kind
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

    @model_validator(mode="after")
    def _numbers_need_a_recipe(self) -> "ZooEntry":
        if self.results and self.recipe is None:
            raise ValueError("results need a recipe (command, hardware, minutes, date)")
        return self
