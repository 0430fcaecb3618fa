"""The index as tools of the Model Context Protocol."""
