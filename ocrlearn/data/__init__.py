"""Images with known text: generated in ``synth``, and fixed for scoring in ``benchmarks``."""
