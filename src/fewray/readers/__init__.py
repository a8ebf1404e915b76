"""Reader studies (visual Turing tests): design, readers, answers, statistics and exports.

No code here knows of the web. A study is a folder: ``reader-study.json`` (the design and the
truth), ``images/`` (what readers see), ``readers.json`` and ``answers/``.
"""
