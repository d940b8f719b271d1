"""A writer that is not the primary one leaves the run's own files alone."""
import wandb

run = wandb.init(id="second", settings=wandb.Settings(x_primary=False, x_label="rank1", x_update_finish_state=False))
print("secondary line")
run.log({"a": 1})
run.summary["s"] = 2
run.finish()
