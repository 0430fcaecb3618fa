"""What a learned fusion is made of: which features of a passage count for a question, and how much each does."""

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

FEATURES = (
    "score",
    "dense",
    "lexical",
    "dense_rank",
    "lexical_rank",
    "neighbours",
    "feedback",
    "siblings",
    "document",
    "position",
    "language",
)
"""As `retrieval.search.features` computes them, in the order of its columns. Higher speaks for a passage."""


class FeatureWeight(BaseModel):
    """How much a feature counts.

    weight      of a standard deviation of the feature, at least 0
    deviation   that standard deviation: among the best passages of a question, the mean over the judged questions
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(ge=0, allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)


class FusionWeights(BaseModel):
    """A linear model of relevance, fitted to judged questions.

    model      the first digits of the hash of the model's weights; another model's cosines are spread otherwise
    features   by name, those that count
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    features: dict[str, FeatureWeight]

    @field_validator("features")
    @classmethod
    def _known(cls, features: dict[str, FeatureWeight]) -> dict[str, FeatureWeight]:
        if unknown := sorted(features.keys() - set(FEATURES)):
            raise ValueError(f"there is no feature {unknown[0]}; there are {', '.join(FEATURES)}")
        return features

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not any(feature.weight for feature in self.features.values()):
            raise ValueError("no feature has a weight above 0")
        return self

    @classmethod
    def read(cls, value: object) -> Self:
        """From what a file has, or an environment variable as JSON. Raises ValueError, which says where it is wrong."""
        try:
            return cls.model_validate_json(value) if isinstance(value, str) else cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{where}: {message}" if where else message) from None

    @classmethod
    def of(cls, model: str, weights: NDArray[np.float64], deviations: NDArray[np.float64]) -> Self:
        """From float64 [len(FEATURES)] each; those with the weight 0 are left out."""
        given = zip(FEATURES, weights.tolist(), deviations.tolist(), strict=True)
        features = {
            name: FeatureWeight(weight=_rounded(weight), deviation=_rounded(deviation))
            for name, weight, deviation in given
            if _rounded(weight) > 0 and _rounded(deviation) > 0
        }
        return cls(model=shown(model), features=features)

    @property
    def slopes(self) -> NDArray[np.float64]:
        """float64 [len(FEATURES)]: what one of each feature counts."""
        return np.array([_slope(self.features, name) for name in FEATURES])

    def is_for(self, model: str) -> bool:
        """Whether they were fitted to scores of the model whose weights have this hash."""
        return shown(model) == self.model


def shown(model: str) -> str:
    """As much of the hash of a model's weights as tells models apart."""
    return model[:12]


def _slope(features: Mapping[str, FeatureWeight], name: str) -> float:
    return features[name].weight / features[name].deviation if name in features else 0.0


def _rounded(value: float) -> float:
    """To four significant digits: more would not be worth reading."""
    return float(f"{value:.4g}") if math.isfinite(value) else 0.0
