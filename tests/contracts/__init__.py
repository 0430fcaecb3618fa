"""Contract suites: the same properties, held against every implementation of a part."""
