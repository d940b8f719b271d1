"""The last value of a step metric is put into rows that lack it, unless step_sync is off."""
import wandb

run = wandb.init(id="stepsync")
run.define_metric("s1", step_metric="my/step")
run.define_metric("s2", step_metric="my/step", step_sync=False)
run.log({"s1": 1})
run.log({"s1": 2, "my/step": 10})
run.log({"s1": 3})
run.log({"s2": 4})
run.log({"my/step": 20})
run.log({"my/step": "text", "s1": 5})
run.log({"s1": 6})
run.define_metric("deep.val", step_metric="deep.step")
run.log({"deep": {"val": 1, "step": 4}})
run.log({"deep": {"val": 2}})
run.finish()
