"""The run as a context manager."""
import wandb

with wandb.init(id="with", config={"a": 1}) as run:
    run.log({"a": 1})
    print("inside")
print("outside")
