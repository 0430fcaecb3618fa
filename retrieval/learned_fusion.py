"""The weights of a learned fusion: which features of a passage count for a question, and how much."""

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
"""In the order of the columns that `retrieval.search.features` computes. Higher speaks for a passage."""


class FeatureWeight(BaseModel):
    """The weight of a feature.

    weight      of one standard deviation of the feature, at least 0
    deviation   the standard deviation among a question's best passages, the root mean square over the judged questions
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(ge=0, allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)


class FusionWeights(BaseModel):
    """A linear model of relevance, fitted to judged questions.

    model      the first digits of the hash of the model's weights: the cosines of another model have other deviations
    features   by name; those left out have the weight 0
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
        """From the value in a settings file, or from JSON in an environment variable. Raises ValueError, which names
        the wrong part."""
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
        """float64 [len(FEATURES)]: the weight of one unit of each feature."""
        return np.array([_slope(self.features, name) for name in FEATURES])

    def is_for(self, model: str) -> bool:
        """Whether the weights were fitted to scores of the model with this hash."""
        return shown(model) == self.model


def shown(model: str) -> str:
    """The first digits of the hash of a model's weights, enough to distinguish models."""
    return model[:12]


def _slope(features: Mapping[str, FeatureWeight], name: str) -> float:
    return features[name].weight / features[name].deviation if name in features else 0.0


def _rounded(value: float) -> float:
    """To four significant digits, for a readable settings file."""
    return float(f"{value:.4g}") if math.isfinite(value) else 0.0
