"""The names of a box's corners in eight languages: "top left" and "bottom right"."""

from typing import Final

TOP_LEFT: Final = (
    r"(?:\b(?:top|upper)[- ]?left\b|\boben[- ]links\b|\blinks[- ]oben\b|\blinke[nr]? obere[nr]?\b|"
    r"\bobere[nr]? linke[nr]?\b|\b(?:sup[ée]rieur|haut(?: à)?) gauche\b|\bsuperior izquierd[ao]\b|"
    r"\barriba a la izquierda\b|\bsuperior esquerd[ao]\b|\balto a sinistra\b|\bsuperiore sinistro\b|左上)"
)
BOTTOM_RIGHT: Final = (
    r"(?:\b(?:bottom|lower)[- ]?right\b|\bunten[- ]rechts\b|\brechts[- ]unten\b|\brechte[nr]? untere[nr]?\b|"
    r"\buntere[nr]? rechte[nr]?\b|\b(?:inf[ée]rieur|bas(?: à)?) droite?\b|\binferior derech[ao]\b|"
    r"\babajo a la derecha\b|\binferior direit[ao]\b|\bbasso a destra\b|\binferiore destro\b|右下)"
)
_LEFT: Final = ("left", "link", "gauche", "izquierd", "esquerd", "sinistr", "左上")


def names_corners(text: str) -> bool:
    """Say whether a text may name the corners of a box: fast, and never wrongly no.

    >>> names_corners("Top-Left (1, 2), bottom-right (3, 4)"), names_corners("[1, 2, 3, 4]")
    (True, False)
    """
    small = text.lower()
    return any(name in small for name in _LEFT)
