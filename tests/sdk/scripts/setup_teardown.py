"""setup and teardown twice, runs in between."""
import wandb

for number in range(2):
    wandb.setup()
    run = wandb.init(id=f"setup{number}")
    run.log({"n": number})
    if number == 1:
        run.finish()
    wandb.teardown(exit_code=4)
print("done")
