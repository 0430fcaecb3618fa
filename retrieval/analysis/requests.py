"""Words of a query that ask, and name nothing that is asked about: please tell me, explain how, I am looking for."""

import re

_MANNERS = (
    r"(?:hi|hello|hey|thanks|thank you|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|danke"
    r"|bonjour|bonsoir|merci|hola|buenos d[ií]as|buenas tardes|gracias)(?=\s*(?:[,.!?;:]|$)| (?:there|i|can|could)\b)"
    r"|please|pls|kindly|bitte|s['’]il (?:te|vous) pla[iî]t|svp|por favor"
)

_REQUESTS = (
    r"(?:tell|show|give|find|get|send|teach) (?:me|us)(?: (?:a|an|the) (?:list|overview|summary|explanation) of)?"
    r"|help (?:me|us)(?: (?:find|understand|with))?"
    r"|i(?:['’]m| am)? (?:just |only )?(?:looking|searching) for"
    r"|(?:i|we)(?:['’]d| would)? (?:want|need|like|love) to (?:know|learn|understand|see|find out|find)"
    r"|(?:do|does) (?:you|anyone|anybody|somebody|someone) know|i wonder|i was wondering"
    r"|what (?:is|are|was|were) (?:meant by|the (?:meaning|difference|differences) (?:of|between))"
    r"|(?:sage?|zeige?|nenne?|gib|erkl[aä]re?) (?:mir|uns)|(?:sagen|zeigen|nennen|geben|erkl[aä]ren) sie (?:mir|uns)"
    r"|ich suche|ich (?:m[oö]chte|will|w[uü]rde gerne?) wissen|was ist der unterschied zwischen"
    r"|(?:dis|dites|montre|montrez|donne|donnez|explique|expliquez)[- ](?:moi|nous)|je cherche|je voudrais savoir"
    r"|(?:d[ií]game|mu[eé]strame|expl[ií]came|estoy buscando|quiero saber|quisiera saber)"
)

_ORDERS = (
    r"(?:^|[,.!?:;])\s*(?:please )?(?:(?:can|could|will|would) you )?(?:please )?"
    r"(?:explain|describe|define|summari[sz]e|find|show|list|search for|look up)"
    r"(?= (?:to|me|us|the|a|an|all|any|every|how|what|why|when|where|which|who)\b)"
)

_ASKING = re.compile(rf"{_ORDERS}|(?<![\w-])(?:{_MANNERS}|{_REQUESTS})(?![\w-])", re.IGNORECASE)


def asking(query: str) -> list[tuple[int, int]]:
    """(start, end) of each such phrase. A verb alone is none, except at the beginning and before an article or a
    question word: explain and find are names of commands, too."""
    return [match.span() for match in _ASKING.finditer(query)]
