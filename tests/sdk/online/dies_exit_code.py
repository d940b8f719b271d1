"""A program that ends with a code of its own."""

import sys

from support import start

run = start("exit_code")
run.log({"x": 1})
sys.exit(3)
