"""Three runs one after the other in one process."""
import wandb

for number in range(3):
    run = wandb.init(id=f"seq{number}", config={"number": number}, group="g", job_type="train")
    run.log({"n": number})
    print("in run", number)
    run.finish()
