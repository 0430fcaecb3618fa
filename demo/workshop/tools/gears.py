"""How far a bicycle rolls with one turn of the pedals."""

RENTAL_FLEET = {"city": (38, 19), "touring": (44, 16), "cargo": (34, 20)}
"""Teeth in front and at the back, by kind of bicycle."""


def development(front: int, back: int, circumference: float = 2.15) -> float:
    """Return the metres that one turn of the pedals brings; circumference of the tyre in metres."""
    return front / back * circumference


def speed(front: int, back: int, cadence: float) -> float:
    """Return kilometres an hour at a cadence in turns a minute."""
    return development(front, back) * cadence * 60 / 1000
