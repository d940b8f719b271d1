"""Prints on both streams, whole lines and parts, with flushes."""
import sys
import wandb

run = wandb.init(id="console")
print("one")
print("two", end="")
print(" goes on")
sys.stdout.write("no newline")
sys.stdout.flush()
sys.stdout.write("\n\n\nthree empty above\n")
sys.stdout.writelines(["a\n", "b\n"])
print()
print("x" * 5000)
print("last without newline", end="")
run.finish()
