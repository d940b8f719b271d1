"""One run with everything that a run usually has."""

import sys

import wandb
from helper import FAST, metrics, requests, state

run = wandb.init(project="p", name="first", config={"lr": 0.1, "net": {"size": [1, 2]}}, tags=["a"], notes="n",
                 group="g", job_type="train", settings=wandb.Settings(**FAST))
run.define_metric("acc", summary="max")
for i in range(10):
    run.log({"loss": 1 / (i + 1), "acc": i % 3, "bad": float("nan"), "deep": {"x": i}})
print("to the console")
print("an error", file=sys.stderr)
with open("f.txt", "w") as file:
    file.write("data")
run.save("f.txt")
run.log({"table": wandb.Table(columns=["a"], data=[[1]])})
run.alert("title", "text", wait_duration=300)
run.config.update({"later": 1})
run.summary["own"] = "text"
run.finish()

found = state(run.path)
assert found["state"] == "finished" and found["exit_code"] == 0, found["state"]
assert found["counters"]["conflicts"] == found["counters"]["gaps"] == 0, found["counters"]
assert metrics(found["history"], "loss", "acc", "bad", "deep") == [[1 / (i + 1), i % 3, "NaN", {"x": i}] for i in range(10)]
assert [row["_step"] for row in found["history"]] == list(range(11))
assert found["summary"]["acc"] == {"max": 2} and found["summary"]["own"] == "text", found["summary"]
assert found["config"]["lr"] == {"value": 0.1} and found["config"]["later"] == {"value": 1}
assert found["tags"] == ["a"] and found["notes"] == "n" and found["group"] == "g" and found["job_type"] == "train"
assert found["files"]["f.txt"]["md5"] == "jXd/OF09/siBXSD3SWAm3A==" and found["files"]["f.txt"]["uploaded"]
for name in ("config.yaml", "output.log", "requirements.txt", "wandb-metadata.json", "wandb-summary.json"):
    assert found["files"][name]["uploaded"], name
assert any(name.startswith("media/table/") for name in found["files"]), found["files"].keys()
assert any("to the console" in line for line in found["console"])
assert any("an error" in line and "error" in line.lower() for line in found["console"])
assert [(a["title"], a["severity"], a["waitDuration"]) for a in found["alerts"]] == [("title", "INFO", 300000)]
assert all(r["auth"] == "ok" for r in requests("graphql") + requests("file_stream"))
assert all("authorization" not in r["headers"] for r in requests("upload"))
