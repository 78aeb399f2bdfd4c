"""English singulars as the library ``pattern`` makes them, mistakes included: what the code of CHAIR counts by."""

from functools import lru_cache
from typing import Final, NamedTuple

_UNCHANGED_WORDS: Final = """
    bison bream breeches britches carp chassis christmas clippers cod contretemps corps debris diabetes djinn
    eland elk flounder gallows georgia graffiti headquarters herpes high-jinks homework innings jackanapes
    mackerel measles mews mumps news pincers pliers proceedings rabies salmon scissors series shears species
    swine swiss trout tuna whiting wildebeest advice bread butter cheese electricity equipment fruit furniture
    garbage gravel happiness information ketchup knowledge love luggage mathematics mayonnaise meat mustard
    progress research rice sand software understanding water
"""
_IE_WORDS: Final = """
    alergie auntie beanie birdie bogie bombie collie cookie cutie doggie eyrie freebie goonie groupie hankie
    hippie hoagie hottie indie junkie laddie laramie lingerie meanie newbie nightie oldie pixie quickie reverie
    rookie softie sortie stoolie sweetie techie toughie valkyrie veggie weenie yuppie zombie
"""
_IRREGULAR_PAIRS: Final = """
    atlantes/atlas atlases/atlas axes/axe beeves/beef brethren/brother children/child corpora/corpus
    corpuses/corpus ephemerides/ephemeris feet/foot ganglia/ganglion geese/goose genera/genus genii/genie
    graffiti/graffito helves/helve kine/cow leaves/leaf loaves/loaf men/man mongooses/mongoose monies/money
    moves/move mythoi/mythos numena/numen occipita/occiput octopodes/octopus opera/opus opuses/opus our/my
    oxen/ox penes/penis penises/penis people/person sexes/sex soliloquies/soliloquy teeth/tooth testes/testis
    trilbys/trilby turves/turf zoa/zoon
"""
_PREPOSITION_WORDS: Final = """
    about above across after among around at athwart before behind below beneath beside besides between betwixt
    beyond but by during except for from in into near of off on onto out over since till to under until unto
    upon with
"""

_UNCHANGED: Final = tuple(_UNCHANGED_WORDS.split())
_IE: Final = tuple(f"{word}s" for word in _IE_WORDS.split())
_IRREGULAR: Final = tuple((many, one) for many, _, one in (pair.partition("/") for pair in _IRREGULAR_PAIRS.split()))
_PREPOSITIONS: Final = frozenset(_PREPOSITION_WORDS.split())


class _Ending(NamedTuple):
    """What becomes of words with one of some endings."""

    endings: tuple[str, ...]
    cut: int = 0
    add: str = ""
    least: int = 1
    """Letters that the word has at least."""
    unless: tuple[str, ...] = ()
    """Longer endings that it is not for."""


def _ending(endings: str, cut: int = 0, add: str = "", least: int = 1, unless: str = "") -> _Ending:
    return _Ending(tuple(endings.split()), cut, add, least, tuple(unless.split()))


_ENDINGS: Final = (
    _ending("ae", 1, least=3),
    _ending("itis", least=5),
    _ending("eaux", 1, least=5),
    _ending("quizzes", 3),
    _ending("matrices", 4, "ix"),
    _ending("apices vertices indices", 4, "ex"),
    _ending("aliases statuses", 2),
    _ending("oi ci ti pi |i vi ii ri", 1, "us"),
    _ending("crises axes testes", 2, "is"),
    _ending("shoes", 1),
    _ending("oes buses", 2),
    _ending("mice |ice lice", 3, "ouse"),
    _ending("xes ches sses shes", 2),
    _ending("movies", 1),
    _ending("ombies", 1, least=7),
    _ending("series"),
    _ending("ies", 3, "y", least=4, unless="aies eies iies oies uies yies"),
    _ending("quies", 3, "y"),
    _ending("alves elves olves", 3, "f"),
    _ending("eaves", 3, "f", least=6, unless="deaves"),
    _ending("arves", 3, "f"),
    _ending("erves", 1),
    _ending("nives lives wives", 3, "fe"),
    _ending("lves rves", 3, "f"),
    _ending("aves eves oves sives tives hives", 1),
    _ending("ves", 3, "fe", least=4, unless="fves"),
    _ending("analyses", 3, "asis", least=9),
    _ending("analyses bases diagnoses parentheses prognoses synopses theses", 2, "is"),
    _ending("opses", 2, "is", least=6),
    _ending("yses", 2, "is", least=5),
    _ending("hoses doses roses ooses noses boses closes poses", 1),
    _ending("fructose glucose galactose lactose ketose maltose ribose saccharose cellulose"),
    _ending("oses", 2, "is", least=5),
    _ending("ta ia", 1, "um"),
    _ending("news"),
    _ending("s", 1),
)
"""In order: the first that fits decides."""


@lru_cache(maxsize=8192)
def singular(word: str) -> str:
    """Return the singular of a word in lower case, as clips/pattern (commit d25511f) guesses it.

    >>> [singular(word) for word in ("buses", "women", "knives", "glasses", "police", "hour", "ice")]
    ['bus', 'woman', 'knife', 'glass', 'polouse', 'hmy', 'ice']
    """
    first, hyphen, rest = word.partition("-")
    if hyphen and rest.split("-")[0] in _PREPOSITIONS:
        return f"{singular(first)}-{rest}"
    if word.endswith("'"):
        bare = word.rstrip("'")
        return singular(bare) + "'s" * (len(word) - len(bare))
    # As published: unchanged is every word with which one of these ends, and "cookies" is its own singular.
    if any(known.endswith(word) for known in _UNCHANGED) or word.endswith(_IE):
        return word
    for many, one in _IRREGULAR:
        if word.endswith(many):
            return word.removesuffix(many) + one
    if word.startswith("oxen"):
        return f"ox{word[4:]}"
    for rule in _ENDINGS:
        if len(word) >= rule.least and word.endswith(rule.endings) and not word.endswith(rule.unless):
            return word[: len(word) - rule.cut] + rule.add
    return word
