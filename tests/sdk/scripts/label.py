"""A labelled writer: the console file carries the label."""
import wandb

run = wandb.init(id="label", settings=wandb.Settings(x_label="rank/0 a"))
print("labelled line")
run.log({"a": 1})
run.finish()
