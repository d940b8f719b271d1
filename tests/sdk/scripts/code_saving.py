"""The script itself is saved when asked for."""
import wandb

run = wandb.init(id="code", save_code=True)
run.log({"a": 1})
run.log_code(".")
run.finish()
