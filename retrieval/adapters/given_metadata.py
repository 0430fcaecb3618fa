"""Metadata values as clients send them: of JSON's own types, nothing coerced. `Document` checks the rest."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from retrieval.types import MAX_MEMBERS

_Scalar = StrictStr | StrictInt | StrictFloat | StrictBool
_List = Annotated[list[_Scalar], Field(min_length=1, max_length=MAX_MEMBERS, fail_fast=True)]

GivenValue = _Scalar | _List
"""A string, number or boolean, or a list of these: `Document` refuses one of several types."""
