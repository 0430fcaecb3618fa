"""How fast things are, next to what people use."""
