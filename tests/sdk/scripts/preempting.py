"""The run says that it will be interrupted."""
import wandb

run = wandb.init(id="preempt")
run.log({"a": 1})
run.mark_preempting()
run.log({"a": 2})
run.finish(exit_code=1)
