#: killed
"""A program that is gone at once."""

import os

from support import start

run = start("os_exit")
for i in range(100):
    run.log({"x": i})
run.config.update({"late": 1})
os._exit(5)
