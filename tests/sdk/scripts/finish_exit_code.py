"""finish(exit_code=3): the run fails, the script does not."""
import wandb

run = wandb.init(id="finish3")
run.log({"a": 1})
run.finish(exit_code=3)
run.finish()
print("alive")
