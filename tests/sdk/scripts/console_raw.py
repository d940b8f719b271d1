#: env WANDB_CONSOLE=wrap_raw
"""Console capture of the file descriptors by wrap_raw."""
import sys
import wandb

run = wandb.init(id="raw")
print("python line")
sys.stdout.write("part ")
sys.stdout.write("part\n")
sys.stderr.write("error line\n")
for i in range(5):
    sys.stdout.write(f"\rbar {i}")
print()
run.finish()
