"""Spoke lengths of a wheel, in millimetres."""

from math import cos, pi, sqrt


def spoke_length(rim: float, flange: float, offset: float, spokes: int, crossings: int, hole: float = 2.6) -> float:
    """Return the length of a spoke from the elbow to the end of the thread.

    rim        effective rim diameter, measured at the nipple seats
    flange     diameter of the hub's circle of spoke holes
    offset     distance from the middle of the hub to the flange
    spokes     number of spokes in the whole wheel
    crossings  how many other spokes of the same side each spoke crosses; 0 is a radial wheel
    hole       diameter of the spoke holes in the hub
    """
    angle = 4 * pi * crossings / spokes
    half_rim, half_flange = rim / 2, flange / 2
    return sqrt(half_rim**2 + half_flange**2 + offset**2 - 2 * half_rim * half_flange * cos(angle)) - hole / 2


def rounded_down(length: float) -> int:
    """Return the next even length below, since spokes are sold in steps of two millimetres."""
    return int(length) // 2 * 2
