"""Text -> spans that keep within a token budget: the splitter, and the parts it is made of."""
