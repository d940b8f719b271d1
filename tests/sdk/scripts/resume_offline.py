"""The resume settings offline: recorded for the later sync."""
import wandb

for mode in ("allow", "must", "never"):
    run = wandb.init(id=f"resume-{mode}", resume=mode)
    run.log({"a": 1})
    print(mode, run.resumed, run.step)
    run.finish()
