"""English function words: they say how a sentence is built and not what it is about.

Written by grammatical category, so that what belongs here can be argued. Words that also carry a subject (new, work,
system, number, right) do not. Contractions have the straight apostrophe, into which the analyser turns the others.
"""

_ARTICLES_AND_DETERMINERS = """
    a an the this that these those each every either neither both all any some such same other another several few many
    much more most less least own no
"""
_PRONOUNS = """
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves one oneself someone somebody something anyone anybody
    anything everyone everybody everything nobody nothing none
"""
_PREPOSITIONS = """
    about above across after against along among amid around as at before behind below beneath beside besides between
    beyond by despite down during except for from in inside into near of off on onto out outside over per since than
    through throughout till to toward towards under underneath until up upon via with within without
"""
_CONJUNCTIONS = """
    and but or nor so yet if unless although though because whereas while whether
"""
_AUXILIARIES = """
    be am is are was were been being do does did doing done have has had having can cannot could may might must shall
    should will would ought
"""
_QUESTION_WORDS = """
    what which who whom whose when where why how whatever whichever whoever whenever wherever however
"""
_ADVERBS = """
    not only also too very just quite rather then thus hence therefore here there now again further once ever even
    still else
"""
_CONTRACTIONS = """
    i'm i've i'd i'll you're you've you'd you'll he'd he'll she'd she'll it'd it'll we're we've we'd we'll they're
    they've they'd they'll that'd that'll there'd there'll who'd who'll who've what'll what're let's
    isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't mightn't mustn't shan't
    shouldn't won't wouldn't
"""

ENGLISH: frozenset[str] = frozenset(
    " ".join(
        [
            _ARTICLES_AND_DETERMINERS,
            _PRONOUNS,
            _PREPOSITIONS,
            _CONJUNCTIONS,
            _AUXILIARIES,
            _QUESTION_WORDS,
            _ADVERBS,
            _CONTRACTIONS,
        ]
    ).split()
)
