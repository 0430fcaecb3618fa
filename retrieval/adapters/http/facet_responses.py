"""The schema of what searches can be narrowed by, for OpenAPI."""

from pydantic import BaseModel, Field


class ValueOut(BaseModel):
    """What a filter may ask for, and how many documents have it."""

    value: str = Field(description="The value, or for folders how sources begin.")
    documents: int = Field(description="How many documents have it.")


class DateFieldOut(BaseModel):
    """A field of the metadata that holds dates."""

    field: str = Field(description="Its name, for `where`.")
    in_seconds: bool = Field(
        description="Whether it holds seconds since the epoch, as `modified` does, for a filter to compare with; else "
        "ISO dates or times."
    )
    first: str = Field(description="The earliest day that there is, as YYYY-MM-DD in UTC.")
    last: str = Field(description="The latest day that there is, as YYYY-MM-DD in UTC.")


class FacetsOut(BaseModel):
    """What the documents of an index can be narrowed by, and what they might be asked."""

    generation: str = Field(description="The state of the index that answered.")
    documents: int = Field(description="How many documents searches can return.")
    folders: list[ValueOut] = Field(description="By name, for `within`; of very many the least deep.")
    suffixes: list[ValueOut] = Field(
        description="Of files: how names end, such as .md, the most frequent first, for `where` with `suffix`."
    )
    languages: list[ValueOut] = Field(
        description="Of files: the language that they are analysed in, for `where` with `language`."
    )
    dates: list[DateFieldOut] = Field(description="The fields that hold dates alone; `modified` is of files.")
    examples: list[str] = Field(description="Headings that ask something, and titles, as they stand in documents.")
    folders_with_files: list[str] = Field(
        description="The first parts of the sources whose files GET /documents/{document_id}/file may have."
    )
