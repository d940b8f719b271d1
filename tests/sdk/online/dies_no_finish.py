#: racing_runs
"""A program that does not finish its runs."""

from support import start

run = start("no_finish")
run.log({"x": 1})
other = start("no_finish_other", reinit="create_new")
other.log({"y": 1})
