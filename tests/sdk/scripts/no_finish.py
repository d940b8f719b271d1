"""The script just ends: the sidecar finishes the run and prints the footer."""
import wandb

run = wandb.init(id="nofinish")
for step in range(5):
    run.log({"a": step})
print("last line of the script")
