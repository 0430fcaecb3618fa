"""How good the answers are, on judged queries; whether a difference is more than luck; and which settings do best."""

from retrieval.evaluation.collection import Collection, Resolved, read_collection, resolve
from retrieval.evaluation.judgements import Judgements, Qrels, read_judgements
from retrieval.evaluation.measures import Figures, JudgedRun, evaluate, judge, judge_run
from retrieval.evaluation.runs import Run, read_run, write_qrels, write_run
from retrieval.evaluation.settings_grid import Settings
from retrieval.evaluation.significance import Comparison, compare
from retrieval.evaluation.tuning import Grid, Tuning, tune

__all__ = [
    "Collection",
    "Comparison",
    "Figures",
    "Grid",
    "JudgedRun",
    "Judgements",
    "Qrels",
    "Resolved",
    "Run",
    "Settings",
    "Tuning",
    "compare",
    "evaluate",
    "judge",
    "judge_run",
    "read_collection",
    "read_judgements",
    "read_run",
    "resolve",
    "tune",
    "write_qrels",
    "write_run",
]
