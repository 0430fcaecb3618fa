"""Whether a learned fusion answers a collection's queries better than tuned settings without one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.config import Config
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.cross_validation import Values
from retrieval.evaluation.fusion_fitting import Question, Weights, cross_fit
from retrieval.evaluation.measures import DEPTH, Judge
from retrieval.evaluation.settings_grid import Learnable, Rankings, Settings
from retrieval.evaluation.significance import randomisation_test
from retrieval.fusion import spread
from retrieval.learned_fusion import FEATURES, FusionWeights
from retrieval.search.scoring import BASE
from retrieval.searcher import Searcher

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Learned:
    """A fusion fitted to queries, compared with other settings.

    settings, weights   fitted to all queries
    mean                over all queries, each with weights that were fitted to the other folds
    gain_over_present, p_over_present   the mean difference to the present settings, and its p-value by a paired
                        randomisation test
    gain_over_tuned, p_over_tuned       the same to the settings that the other folds choose without a learned fusion
    """

    settings: Settings
    weights: FusionWeights
    mean: float
    gain_over_present: float
    p_over_present: float
    gain_over_tuned: float
    p_over_tuned: float

    @property
    def is_better(self) -> bool:
        """Whether it is significantly better than both."""
        return (
            min(self.gain_over_present, self.gain_over_tuned) > 0
            and max(self.p_over_present, self.p_over_tuned) < SIGNIFICANT
        )


def learn_fusion(
    searcher: Searcher, collection: Collection, *, measure: str, folds: int, present: Values, tuned: Values
) -> Learned | None:
    """Fit a fusion to the collection's queries, with the k1, b and smoothing of the present settings, and compare it.

    present, tuned   float64 [queries], in the order of the judgements: how well the present settings answer each query,
                     and those that the other folds choose

    None where no weight is above 0: no feature distinguishes relevant passages from others. Raises ConfigError as
    `tune`.
    """
    reader = searcher.reader
    assert reader.fingerprint is not None  # there are chunks
    config = searcher.config
    settings = _settings(config)
    judge = Judge(collection.qrels, [measure])
    rankings = Rankings(reader, depth=DEPTH, cutoff=judge.cutoff, smoothing=config.smoothing, feedback=config.feedback)
    lexical = reader.lexical.with_parameters(k1=settings.bm25_k1, b=settings.bm25_b)
    options = rankings.options(settings._replace(fusion=BASE))
    queries = searcher.queries([collection.queries[name] for name in collection.qrels])
    found = [rankings.learnable(query, lexical, options) for query in queries]
    questions = [
        Question(each.features, [judged.get(source, 0) for source in each.sources])
        for each, judged in zip(found, collection.qrels.values(), strict=True)
    ]

    def measured(slopes: Sequence[Weights]) -> Values:
        run = {
            name: {source: float(-rank) for rank, source in enumerate(ranked(each, by)[: judge.cutoff], start=1)}
            for name, each, by in zip(collection.qrels, found, slopes, strict=True)
        }
        return np.array(list(judge.figures(run).values[measure].values()))

    fitted, values = cross_fit(questions, measured, folds=folds)
    if not fitted.weights.any():
        return None
    return Learned(
        settings=settings,
        weights=FusionWeights.of(reader.fingerprint.weights, *fitted),
        mean=float(values.mean()),
        gain_over_present=float((values - present).mean()),
        p_over_present=randomisation_test(values - present),
        gain_over_tuned=float((values - tuned).mean()),
        p_over_tuned=randomisation_test(values - tuned),
    )


def ranked(found: Learnable, slopes: Weights) -> list[str]:
    """The documents, best first, as a search with these weights ranks them."""
    scores = spread(found.features @ slopes, found.features[:, FEATURES.index("score")])
    order = np.argsort(-scores, kind="stable").tolist()
    return list(dict.fromkeys([*(found.sources[place] for place in order), *found.others]))


def _settings(config: Config) -> Settings:
    """The present settings with a learned fusion. Where alpha leaves out one side, it is the default instead."""
    present = Settings.of(config)._replace(fusion="learned")
    return present if 0 < present.alpha < 1 else present._replace(alpha=Config.model_fields["alpha"].default)
