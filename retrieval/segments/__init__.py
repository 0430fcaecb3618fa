"""What searches read: immutable segments, and generations of them."""
