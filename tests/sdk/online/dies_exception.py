"""An exception that nobody catches."""

from support import start

run = start("exception", console="wrap")
run.log({"x": 1})
print("before")
raise ValueError("on purpose")
