"""The console in files of their own below logs/."""
import wandb

run = wandb.init(id="multipart", settings=wandb.Settings(console_multipart=True))
print("first line")
print("second line")
run.log({"a": 1})
run.finish()
