"""reinit="finish_previous" and "return_previous"."""
import wandb

one = wandb.init(id="one")
one.log({"a": 1})
two = wandb.init(id="two", reinit="finish_previous")
two.log({"b": 1})
same = wandb.init(id="unused", reinit="return_previous")
print("same run:", same is two)
same.log({"b": 2})
two.finish()
