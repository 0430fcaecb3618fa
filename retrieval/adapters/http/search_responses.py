"""The schemas of what a search answers, for OpenAPI. `serializers` makes the JSON itself."""

from pydantic import BaseModel, Field

from retrieval.adapters.http.document_responses import Metadata
from retrieval.search_hits import LIKELY, MAX_DUPLICATES


class DuplicateOut(BaseModel):
    """Another passage with the same text, and where it stands."""

    id: str = Field(description="The id of the passage.")
    document_id: str = Field(description="The id of its document.")
    source: str = Field(description="What its document is cited by.", examples=["docs/guide/rain.md"])
    page: int | None = Field(description="Its first page, from 1; null where the document has no pages.")
    page_end: int | None = Field(description="Its last page; null where the document has no pages.")
    line_start: int = Field(description="Its first line, from 1.")
    line_end: int = Field(description="Its last line.")
    metadata: Metadata = Field(description="The metadata of its document.")
    citation: str = Field(description="Where it stands, on one line.", examples=["docs/guide/rain.md:5-9"])


class HitOut(BaseModel):
    """A passage that answers; scores order the hits of one query and are no probabilities."""

    id: str = Field(description="The id of the passage.", examples=["0b7d3f5a9c1e4d6f8a2b4c6d8e0f1a3c"])
    document_id: str = Field(description="The id of its document; GET /documents/{document_id} has it whole.")
    text: str = Field(description="The text of the passage, with its neighbours where `expand` asked for them.")
    score: float = Field(description="What the hits are ranked by; higher is better.")
    rank: int = Field(description="From 1, without gaps.")
    relevance: float = Field(description=f"How likely it has to do with the query, 0 to 1; {LIKELY} is likely.")
    source: str = Field(description="What its document is cited by.", examples=["docs/guide/rain.md"])
    title: str | None = Field(description="The title of its document; null where it has none.")
    headings: list[str] = Field(description="The headings that it stands under, the outermost first.")
    page: int | None = Field(description="Its first page, from 1; null where the document has no pages.")
    page_end: int | None = Field(description="Its last page; null where the document has no pages.")
    line_start: int = Field(description="Its first line in the document's text, from 1.")
    line_end: int = Field(description="Its last line.")
    char_start: int = Field(description="Where it starts in the document's text, in characters from 0.")
    char_end: int = Field(description="Where it ends in the document's text, exclusive.")
    metadata: Metadata = Field(description="The metadata of its document.")
    dense_score: float | None = Field(
        description="Cosine of query and passage, -1 to 1; null in mode lexical, and where it is pending."
    )
    dense_rank: int | None = Field(description="Its rank by meaning; null where it was no candidate of that side.")
    lexical_score: float = Field(description="BM25 of query and passage; 0 where they share no word.")
    lexical_rank: int | None = Field(description="Its rank by words; null where it was no candidate of that side.")
    rerank_score: float | None = Field(description="The cross-encoder's score; null where none was asked.")
    highlights: list[tuple[int, int]] = Field(
        description="Start and end in `text`, in characters, of each word that matches the query.", examples=[[[0, 4]]]
    )
    duplicates: list[DuplicateOut] = Field(
        description=f"Other passages with the same text, {MAX_DUPLICATES} at most; empty without `collapse`."
    )
    duplicates_total: int = Field(description="How many of those there are.")
    pending: bool = Field(description="Whether its vector is still to come, so that only its words were compared.")
    citation: str = Field(description="Where it stands, on one line.", examples=["docs/guide/rain.md:5-9"])


class CorrectionOut(BaseModel):
    """A word that no passage has, and the nearest one, which was searched for."""

    written: str = Field(description="The word in the query.")
    searched: str = Field(description="The word that was searched for.")


class PassageOut(BaseModel):
    """What stands under one number in a context."""

    number: int = Field(description="Its number in the text, from 1.")
    text: str = Field(description="The text of the passage.")
    citation: str = Field(description="Where it stands, on one line.")
    hits: list[str] = Field(description="The ids of the hits that it was made of.")
    is_cut: bool = Field(description="Whether the end of it is left out.")


class ContextOut(BaseModel):
    """The passages as text for a prompt: fenced off as data, numbered and cited."""

    text: str = Field(description='The text for the prompt; "" where nothing fits or was found.')
    tokens: int = Field(description="How many tokens the text has.")
    tokenizer: str = Field(description="What they were counted with.")
    passages: list[PassageOut] = Field(description="The passages of the text, in order.")
    omitted: list[str] = Field(description="The ids of the hits that did not fit.")


class ResultOut(BaseModel):
    """The hits of one query, and how it was read."""

    query: str = Field(description="The query.")
    corrections: list[CorrectionOut] = Field(description="The words that were searched for in another spelling.")
    required: list[str] = Field(description="Words and phrases that every hit has.")
    excluded: list[str] = Field(description="Words and phrases that no hit has.")
    has_relevant: bool = Field(description="Whether any hit likely has to do with the query.")
    hits: list[HitOut] = Field(description="The passages that answer, best first.")
    context: ContextOut | None = Field(None, description="The passages as text for a prompt, where it was asked for.")


class SearchOut(BaseModel):
    """The answer to a search: a result for each query, in the order of the queries."""

    generation: str = Field(description="The state of the index that answered.")
    seconds: float = Field(description="How long it took, the wait in line included.")
    results: list[ResultOut] = Field(description="One for each query.")
    warnings: list[str] = Field(
        description="What is wrong with the filters, such as a field or a value that no passage has, and which -word "
        "excluded nothing."
    )


class FeedbackOut(BaseModel):
    """What was kept of a judgement."""

    source: str = Field(description="The document that was judged.")
    judgements: int = Field(description="How many there are now.")
