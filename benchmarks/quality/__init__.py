"""How good answers are, next to what people use."""
