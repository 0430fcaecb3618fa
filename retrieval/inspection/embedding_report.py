"""EmbeddingStats -> how to read them: a sentence for each figure, and a warning where it is poor."""

from collections.abc import Iterator
from typing import NamedTuple

from retrieval.inspection.embedding_stats import EmbeddingStats

MOST_MEAN_COSINE = 0.5
"""Of random pairs, where neighbours are no nearer. Models tuned for similarity mostly stay well below; plain language
models lie above (Ethayarajh 2019), and so do models like E5, whose training temperature of .01 squeezes all cosines
into .7 to 1 and keeps their order. Neighbours tell which of these a model is."""

COLLAPSED_MEAN_COSINE = 0.95
"""Of random pairs: all vectors are nearly one, whatever the model."""

MOST_CLUMPING = 1.0
"""Of the uniformity above that of a space whose pairs all have the same cosine, -4 (1 - mean cosine), which is the
least that the mean cosine allows. On 240 paragraphs of 48 articles E5 had .01 and all-MiniLM-L6-v2 .1; two clumps of
equal size have 1.3."""

MOST_ALIGNMENT = 0.9
"""Of the mean squared distance of random pairs. Three indexes of prose, code and licences had .31 to .55; at 1,
neighbours are no nearer than strangers."""

LEAST_EFFECTIVE_DIMENSIONS = 0.1
"""Of those that are possible. Three indexes of one or many subjects had .2 to .4 of 384."""

LEAST_FILL = 0.25
"""Of the limit. A median chunk that is shorter is a line or two: little for a vector to tell from others."""

MOST_NEAR_DUPLICATES = 0.1
"""Of those that are not repeated word for word, which are one hit. Where one chunk in ten has a double, a result of ten
hits wastes one place on average."""


class Reading(NamedTuple):
    """A figure for people; `warning` is "" where there is nothing to mend."""

    name: str
    value: str
    meaning: str
    warning: str = ""


def readings(stats: EmbeddingStats) -> Iterator[Reading]:
    """One for each figure, in the order in which one asks: is anything lost, are chunks sound, is the space."""
    yield _truncated(stats)
    yield _fill(stats)
    yield _duplicates(stats)
    if stats.mean_cosine is None or stats.uniformity is None:
        return
    yield _anisotropy(stats.mean_cosine, _alignment_ratio(stats))
    yield _uniformity(stats.uniformity, stats.mean_cosine)
    if stats.alignment is not None:
        yield _alignment(stats, stats.alignment, stats.mean_cosine)
    if stats.effective_dimensions is not None:
        yield _dimensions(stats, stats.effective_dimensions)


def _truncated(stats: EmbeddingStats) -> Reading:
    return Reading(
        "truncated chunks",
        f"{stats.truncated:,}",
        f"Must be 0: the model reads {stats.max_seq_length} tokens of a chunk and would ignore the rest.",
        "The ends of these chunks are in no vector: rebuild the index with `ingest sync FOLDER --rebuild`."
        if stats.truncated
        else "",
    )


def _fill(stats: EmbeddingStats) -> Reading:
    low, _, median, _, high = stats.token_quantiles
    return Reading(
        "tokens a chunk",
        f"{median:,} ({low:,} to {high:,})",
        f"The median, and between which nine chunks in ten lie; the limit is {stats.chunk_limit}, and the median chunk "
        f"fills {stats.fill:.0%} of it.",
        "Most chunks are short. Fine where documents or their sections are; else look at how they are split."
        if stats.fill < LEAST_FILL
        else "",
    )


def _duplicates(stats: EmbeddingStats) -> Reading:
    return Reading(
        "near-duplicate chunks",
        f"{stats.near_duplicates:.1%}",
        f"Have a double somewhere in the index, cosine .99 or more (of {stats.near_duplicates_of:,} sampled); "
        f"{stats.exact_duplicates:.1%} of all are repeated word for word, and searches show each such text once.",
        "They take each other's place among the hits. `retrieve similar --all` names documents that are alike as a "
        "whole, and .retrievalignore leaves out those that you do not need; `--mmr-lambda 0.3` shows one passage of "
        "each kind first."
        if stats.near_duplicates - stats.exact_duplicates > MOST_NEAR_DUPLICATES
        else "",
    )


def _alignment_ratio(stats: EmbeddingStats) -> float | None:
    """The mean squared distance of neighbours as a share of that of random pairs; None without neighbours."""
    if stats.alignment is None or stats.mean_cosine is None:
        return None
    return stats.alignment / max(2 - 2 * stats.mean_cosine, 1e-9)


def _anisotropy(mean_cosine: float, alignment_ratio: float | None) -> Reading:
    warning = ""
    if mean_cosine > COLLAPSED_MEAN_COSINE:
        warning = "All chunks have nearly the same vector: check the model, its pooling and its prefixes."
    elif mean_cosine > MOST_MEAN_COSINE and (alignment_ratio or 0) > MOST_ALIGNMENT:
        warning = (
            "Chunks are hard to tell apart by cosine, and neighbours are hardly nearer than others: the model was "
            "perhaps not tuned for similarity; check its pooling and its prefixes."
        )
    return Reading(
        "mean cosine of random pairs",
        f"{mean_cosine:.3f}",
        "Anisotropy: near 0 the chunks point in all directions, near 1 all in the same one. One subject, or few, has "
        "more than many. It belongs to the model (E5 has about .8), and is what other cosines compare with.",
        warning,
    )


def _uniformity(uniformity: float, mean_cosine: float) -> Reading:
    even = -4 * (1 - mean_cosine)
    return Reading(
        "uniformity",
        f"{uniformity:.2f}",
        f"How evenly the vectors use the sphere: -4 is even, 0 a single point, and {even:.2f} the least at this mean "
        "cosine. Lower is better.",
        "The vectors lie in a few clumps: documents are of a few kinds, or the model tells them apart poorly; check "
        "its pooling and its prefixes."
        if uniformity - even > MOST_CLUMPING
        else "",
    )


def _alignment(stats: EmbeddingStats, alignment: float, mean_cosine: float) -> Reading:
    return Reading(
        "alignment of neighbours",
        f"{alignment:.2f}",
        f"Mean squared distance of {stats.neighbours:,} pairs of chunks that follow one another in a document, against "
        f"{2 - 2 * mean_cosine:.2f} of random pairs: the further below, the better vectors keep together what belongs "
        "together.",
        "Neighbours are hardly nearer than strangers: documents change subject from chunk to chunk, or the model does "
        "not know their language."
        if (_alignment_ratio(stats) or 0) > MOST_ALIGNMENT
        else "",
    )


def _dimensions(stats: EmbeddingStats, effective: float) -> Reading:
    possible = min(stats.dimension, stats.sampled - 1)
    few = "" if possible == stats.dimension else f" ({stats.sampled:,} chunks can show no more than {possible:,})"
    return Reading(
        "effective dimensions",
        f"{effective:.0f} of {stats.dimension}",
        f"As many axes as would hold the variance if each held the same; {stats.dimensions_for_90} axes hold 90% of "
        f"it{few}.",
        "The vectors lie near a subspace: documents are all of one kind, or the model has collapsed."
        if effective < LEAST_EFFECTIVE_DIMENSIONS * possible
        else "",
    )
