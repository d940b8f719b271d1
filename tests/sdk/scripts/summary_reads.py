"""Step and summary read back while the run goes on."""
import wandb

run = wandb.init(id="reads")
print("at start", run.step, dict(run.summary))
for i in range(3):
    run.log({"loss": 1 / (i + 1), "n": {"m": i}})
    print("after", i, run.step, run.summary["loss"], run.summary["n"]["m"])
run.log({"open": 1}, commit=False)
print("open", run.step, run.summary.get("open"))
run.define_metric("acc", summary="max")
run.log({"acc": 3})
run.log({"acc": 1})
print("acc", dict(run.summary["acc"]), sorted(k for k in run.summary.keys() if not k.startswith("_")))
run.summary["mine"] = {"x": 1}
print("mine", dict(run.summary["mine"]), run.step, run.resumed, run.offline)
run.finish()
