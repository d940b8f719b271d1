"""Both streams share one numbering of lines."""
import sys
import wandb

run = wandb.init(id="stderr")
print("E1\nE2", file=sys.stderr, end="")
print("out in between")
print("E3", file=sys.stderr)
print("out", end="")
print("err", end="", file=sys.stderr)
print(" more out")
print(" more err", file=sys.stderr)
run.finish()
