"""A comparison as a person reads it, in tables of at most 80 columns where the models' names are short."""

from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from retrieval.inspection.embedding_report import readings
from retrieval.model_comparison.comparison import ALPHA, FEW, MODES, Comparison, Estimate, chance
from retrieval.model_comparison.trial import MEASURES, Trial
from retrieval.words import counted

_LONGEST_NAME = 22

_LANGUAGES_SHOWN = 3

_ISO = {
    "arabic": "ar", "armenian": "hy", "basque": "eu", "catalan": "ca", "czech": "cs", "danish": "da", "dutch": "nl",
    "english": "en", "estonian": "et", "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hindi": "hi",
    "hungarian": "hu", "indonesian": "id", "irish": "ga", "italian": "it", "lithuanian": "lt", "nepali": "ne",
    "norwegian": "no", "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru",
    "serbian": "sr", "spanish": "es", "swedish": "sv", "tamil": "ta", "turkish": "tr",
}  # fmt: skip


def models_table(comparison: Comparison) -> Table:
    """What each model is, and what it costs here."""
    table = _table(("model", "left"), "dims", "reads", "languages", "size", "memory", "tokens/s", "query")
    for label, trial in comparison.trials.items():
        facts = trial.facts
        _add(
            table,
            _short(label, comparison),
            f"{facts.dimension}",
            f"{facts.max_seq_length}",
            _languages(facts.languages),
            _bytes(facts.size),
            _bytes(trial.memory),
            f"{trial.tokens_per_second:,.0f}",
            f"{trial.query_milliseconds:.0f} ms",
        )
    return table


def quality_table(comparison: Comparison) -> Table:
    """How well each answers, with 95% intervals, and the chance that it differs as much from what is recommended."""
    table = _table(("model", "left"), ("mode", "left"), *MEASURES, "p")
    for label, quality in comparison.quality.items():
        for place, mode in enumerate(MODES):
            tested = comparison.p_values.get(label, {}).get(mode)
            cells = (_estimate(quality[mode][measure]) for measure in MEASURES)
            p_value = "" if tested is None else chance(tested).removeprefix("p = ").replace("p < ", "<")
            _add(table, "" if place else _short(label, comparison), mode, *cells, p_value)
    return table


def space_table(comparison: Comparison) -> Table:
    """What each makes of these documents: chunks, and how its vectors lie."""
    table = _table(("model", "left"), "chunks", "cut", "cosine", "uniformity", "alignment", "dims")
    for label, trial in comparison.trials.items():
        space = trial.space
        _add(
            table,
            _short(label, comparison),
            f"{trial.chunks:,}",
            f"{trial.cut:.0%}",
            _number(space.mean_cosine, ".2f"),
            _number(space.uniformity, ".2f"),
            _number(space.alignment, ".2f"),
            _number(space.effective_dimensions, ".0f"),
        )
    return table


def notes_on_tables(comparison: Comparison) -> Iterator[str]:
    """What the tables' columns are."""
    yield (
        "reads: tokens of a text. memory: of a process that indexes and searches, at most. tokens/s: passages embedded "
        "here. query: a hybrid search here. cut: sections longer than a chunk, which become several. cosine (of random "
        "pairs), uniformity, alignment, dims (effective): as `retrieve stats --embeddings` explains them."
    )
    if comparison.quality:
        lexical = next(iter(comparison.quality.values()))["lexical"][MEASURES[0]]
        yield (
            f"Means over {counted(comparison.questions, 'question')} with 95% intervals, over resampled questions. "
            f"p: the chance of as large a difference in {MEASURES[0]} from the recommended model, were there none. "
            f"Without a model, BM25 has {MEASURES[0]} {lexical.mean:.3f}."
        )


def caveats(comparison: Comparison) -> Iterator[str]:
    """What the figures cannot tell."""
    if comparison.kind == "known-item":
        yield (
            "Questions made of the documents show which model finds a passage by words that belong to it. Those of "
            "people use other words, and ask for more than one passage: go by the differences, not by the figures, and "
            "by 50 questions of your own where it matters (--queries, --qrels)."
        )
    if comparison.kind != "none" and comparison.questions < FEW:
        verb = "is" if comparison.questions == 1 else "are"
        yield f"{counted(comparison.questions, 'question')} {verb} little to go by."
    p_value = comparison.p_value_against_bm25
    if comparison.recommendation is not None and p_value is not None and p_value > ALPHA:
        label = comparison.recommendation.label
        yield f"Hybrid search with {label} cannot be told from BM25 alone here ({chance(p_value)})."
    strangers = {label: unknown for label, trial in comparison.trials.items() if (unknown := _unknown_language(trial))}
    if strangers:
        language = next(iter(strangers.values()))
        yield f"Most documents are {language.capitalize()}, which is not among the languages of {', '.join(strangers)}."
    for label, trial in comparison.trials.items():
        for reading in readings(trial.space):
            if reading.warning and reading.name in {
                "mean cosine of random pairs",
                "uniformity",
                "effective dimensions",
            }:
                yield f"{label}: {reading.name} {reading.value}. {reading.warning}"


def recommendation_in_words(comparison: Comparison) -> str:
    """One sentence."""
    if comparison.recommendation is None:
        return (
            "No model is recommended: these documents have no headings and sentences that could be asked for; compare "
            "with questions of your own (--queries, --qrels)."
        )
    return f"Take {comparison.recommendation.label}: {comparison.recommendation.reason}."


def _unknown_language(trial: Trial) -> str | None:
    """The language of most documents, where the model's card names languages and this is not among them."""
    if trial.facts.languages is None or "multilingual" in trial.facts.languages:
        return None
    known = {*_codes(trial.facts.languages), ""}
    common = (language for language, count in trial.languages.items() if 2 * count > sum(trial.languages.values()))
    return next((language for language in common if _ISO.get(language, "") not in known), None)


def _codes(languages: tuple[str, ...]) -> set[str]:
    return {language.casefold().partition("-")[0] for language in languages}


def _table(*columns: str | tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        if isinstance(column, tuple):
            table.add_column(column[0], overflow="fold")
        else:
            table.add_column(column, justify="right", no_wrap=True)
    return table


def _add(table: Table, *cells: str) -> None:
    """A row of cells as they are: a name may look like markup."""
    table.add_row(*map(Text, cells))


def _short(label: str, comparison: Comparison) -> str:
    """The last part of a path or of a name on the hub, which says most, where no other model has the same."""
    last = label.rstrip("/").rpartition("/")[2]
    if sum(last in each for each in comparison.trials) == 1:
        label = last
    return label if len(label) <= _LONGEST_NAME else f"…{label[1 - _LONGEST_NAME :]}"


def _estimate(estimate: Estimate) -> str:
    low, high = (f"{bound:.2f}".removeprefix("0")[:3] for bound in estimate.interval)
    return f"{estimate.mean:.3f} {low}–{high}"


def _languages(languages: tuple[str, ...] | None) -> str:
    if languages is None:
        return "unknown"
    return ", ".join(languages) if len(languages) <= _LANGUAGES_SHOWN else f"{len(languages)}"


def _bytes(size: int | None) -> str:
    if size is None:
        return "–"
    return f"{size / 1e9:.1f} GB" if size >= 999_500_000 else f"{size / 1e6:.0f} MB"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
