"""Images, and clips, with known truth: public sets, generators, and the form both end in.

- :mod:`~ocrlearn.data.samples`: the types, and their JSON Lines form;
- :mod:`~ocrlearn.data.readers`: public sets, each in its owner's format;
- :mod:`~ocrlearn.data.cards`, :mod:`~ocrlearn.data.fetch`, :mod:`~ocrlearn.data.check`: whose they
  are, how to get them, whether a folder is sound;
- :mod:`~ocrlearn.data.synth`: generators;
- :mod:`~ocrlearn.data.shards`, :mod:`~ocrlearn.data.stream`: many samples, on disk and to training;
- :mod:`~ocrlearn.data.benchmarks`: the fixed sets of the scoreboard.
"""
