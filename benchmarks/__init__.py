"""What mappings cost, compared with other ways; `python -m benchmarks --help`.

Neither pyperf nor pytest-benchmark is used: both measure one thing after the other, in processes or
rounds of their own, so that a machine that gets busier or slower in between shows as a difference.
Here the sides of a case take turns, and the best turn of each counts. That takes the thirty lines of
`timing.py`.
"""
