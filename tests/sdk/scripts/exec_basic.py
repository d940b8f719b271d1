#: via exec
"""Through a sidecar that was started beforehand: two runs, console, summary."""
import wandb

for number in range(2):
    run = wandb.init(id=f"exec{number}", config={"n": number})
    run.define_metric("loss", summary="min")
    for step in range(5):
        run.log({"loss": 5 - step})
        print("step", step)
    run.finish()
