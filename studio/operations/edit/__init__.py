"""``POST /video/edit``: a timeline of clips becomes one film, in one run of ffmpeg.

``task`` says what may be asked, ``plan`` what is made; ``resolving`` goes from one to the other,
with ``taking``, ``laying``, ``spans`` and ``canvas``. ``making`` cuts silence (``silence``,
``voice``), draws ``texts``, and has ``graph`` and ``layers`` write the filters.
"""
