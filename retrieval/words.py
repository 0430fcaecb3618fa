"""Numbers in messages."""


def counted(number: int, noun: str) -> str:
    """ "1 document", "2,000 documents", "2 queries"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
