"""A disabled run beside a real one: it leaves nothing."""
import wandb

off = wandb.init(mode="disabled")
off.log({"a": 1})
print("disabled step", off.step)
off.finish()
run = wandb.init(id="real")
run.log({"a": 1})
run.finish()
