"""Reads the questions in an answer of a language model, whatever kind of list it writes."""

import ast
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import regex

from retrieval.model_comparison.passages import letters

_THOUGHT = "think|thinking|thought|thoughts|thinking_process|reasoning|reflection|analysis"
_THOUGHTS = regex.compile(
    rf"<({_THOUGHT})>.*?(?:</\1>|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)", regex.DOTALL | regex.IGNORECASE
)
_END_OF_THOUGHT = regex.compile(rf"\A.*(?:</(?:{_THOUGHT})>|\[/THINK\])", regex.DOTALL | regex.IGNORECASE)
"""The opening tag may be in the model's own prompt."""

_CHANNEL = regex.compile(r"\A.*<\|channel\|>\s*final\b.*?<\|message\|>", regex.DOTALL)
"""What gpt-oss writes before its final message, if the server does not remove it."""

_TOKEN = regex.compile(r"<[|｜][^<>]{1,40}[|｜]>")

_FENCE = regex.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", regex.DOTALL)

_ENTRY = regex.compile(
    r"^[\s>|]*(?:#{1,6}\s+)?"
    r"(?P<marks>(?:[-+–—](?=\s)\s*|[*•·‣▪◦●○]\s*|[(\[]?\d{1,3}\s*[.)\]:、．）|](?!\d)\s*|[(\[]?[a-zA-Z]\)\s*)*)"
    r"(?P<text>.*)$"
)
"""The marks before a line's words: of quotations, tables and headings, then of a list."""

_QUESTION = (
    "(?:search )?quer(?:y|ies)|questions?|q|fragen?|preguntas?|domand[ae]|perguntas?|questão|vra(?:ag|gen)|fråga|"
    "spørgsmål|spørsmål|kysymys|pytanie|otázka|вопрос|питання|запитання|kérdés|întrebare|soru|ερώτηση|سؤال|السؤال|"
    "שאלה|प्रश्न|问题|問題|質問|질문|câu hỏi|pertanyaan|คำถาม"
)
_ANSWER = (
    "answers?|a|antwort(?:en)?|réponses?|respuestas?|rispost[ae]|respostas?|antwoord|svar|vastaus|odpowiedź|odpověď|"
    "ответ|відповідь|válasz|răspuns|cevap|απάντηση|إجابة|الجواب|תשובה|उत्तर|答案|回答|答え|답변|trả lời|jawaban|คำตอบ|"
    "explanation|reasoning|note"
)
_LABEL = regex.compile(rf"^\W{{0,3}}(?:{_QUESTION})\W{{0,3}}\d{{0,3}}\W{{0,3}}[:：.]\W{{0,3}}(?=\w)", regex.IGNORECASE)
_ANSWERS = regex.compile(rf"^\W{{0,3}}(?:{_ANSWER})\W{{0,3}}\d{{0,3}}\W{{0,3}}[:：]", regex.IGNORECASE)
_BARE_LABEL = regex.compile(rf"^\W*(?:{_QUESTION})?[\W\d]*$", regex.IGNORECASE)

_ASKING_NAME = regex.compile(rf"(?:{_QUESTION})[\W_\d]*$|^q\d*$", regex.IGNORECASE)
"""The names of questions in JSON."""

_AROUND = " \t\"'`*_“”„‟«»‹›「」『』[]{},|"
_MARKS = "?？؟՞፧\u037e"
_ENDS = ".!:…,;。！：，；।"
_LONGEST = 300
"""Characters of a question."""


class _Line(NamedTuple):
    """A line, and whether it is an entry of a list."""

    text: str
    is_entry: bool

    @property
    def is_marked(self) -> bool:
        """Whether it ends in a question mark."""
        return self.text[-1:] in _MARKS


def questions_in(answer: str) -> list[str]:
    """The questions, each once, in their order: of a list in JSON, of numbered or marked lines, or of lines that end in
    a question mark. Thoughts, the text around the list, and the model's own answers are left out."""
    text = _without_thoughts(answer)
    fenced = "\n".join(block[1] for block in _FENCE.finditer(text))
    text = fenced if letters(fenced) else text
    listed = _of_json(text)
    found = _of_lines(text) if listed is None else [_clean(each) for each in listed]
    return list(dict.fromkeys(question for question in found if _asks(question)))


def _without_thoughts(answer: str) -> str:
    text = _CHANNEL.sub("", answer)
    if "<|channel|>" in text:  # there is no final message
        return ""
    text = _END_OF_THOUGHT.sub("", text)
    return _TOKEN.sub("", _THOUGHTS.sub("", text))


def _of_json(text: str) -> list[str] | None:
    """The strings of the list or object that makes up most of the text; None if there is none."""
    brackets = sorted((("[", "]"), ("{", "}")), key=lambda pair: text.find(pair[0]) % (len(text) + 1))
    spans = [text[text.find(first) : text.rfind(last) + 1] for first, last in brackets]
    spans = [span for span in spans if 2 * len(span) > len(text)]
    lines = [line for line in text.splitlines() if line.strip()]
    by_line = [_parsed(line) for line in lines if line.strip()[:1] in "[{"]
    for value in (*map(_parsed, spans), by_line if lines and len(by_line) == len(lines) else None):
        if value and (strings := list(_strings(value))):
            return strings
    return None


def _parsed(text: str) -> Any:
    """A list or an object; None for anything else. Some models write Python's."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list | dict):
            return value
    return None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        asking = [each for name, each in value.items() if isinstance(name, str) and _ASKING_NAME.search(name)]
        for each in asking or value.values():
            yield from _strings(each)


def _of_lines(text: str) -> list[str]:
    text = regex.sub(rf"([{_MARKS}])\s+(?=[(\[]?\d{{1,3}}[.)\]:]\s)", r"\1\n", text)  # a list on one line
    text = regex.sub(r'"\s*,\s*"', "\n", text)  # invalid JSON
    lines = [line for line in map(_line, text.splitlines()) if line.text]
    lines = [line for line in lines if line.is_entry] or lines
    has_marks = any(line.is_marked for line in lines)
    return [line.text for line in lines if line.is_marked or _is_query(line, has_marks)]


def _is_query(line: _Line, has_marks: bool) -> bool:
    """Whether a line without a question mark may be a question: an entry of a list, or any line if none has a mark."""
    return (line.is_entry or not has_marks) and line.text[-1:] not in _ENDS


def _line(raw: str) -> _Line:
    found = _ENTRY.match(raw)
    assert found is not None
    text = found["text"]
    if _ANSWERS.match(text) or _BARE_LABEL.match(text):
        return _Line("", False)
    return _Line(_clean(text), bool(found["marks"]) or _LABEL.match(text) is not None)


def _clean(text: str) -> str:
    """On one line, without a label, and without what follows the last question mark."""
    text = _LABEL.sub("", " ".join(text.split()).strip(_AROUND))
    last = max(text.rfind(mark) for mark in _MARKS)
    return (text if last < 0 else text[: last + 1]).strip(_AROUND)


def _asks(text: str) -> bool:
    """Whether the text is long enough for a question, and shorter than a paragraph: two words, or four letters of a
    script without spaces."""
    count = len(letters(text))
    return len(text) <= _LONGEST and (count >= 4 if not text.isascii() else len(text.split()) >= 2 and count >= 4)
