"""Generators of printed text with exact labels: seeded, and made without any download."""
