"""Formats that are text to begin with, and how bytes become text."""
