"""What `wandb.Api()` reads and changes."""

import os

import wandb
from helper import FAST, state

fast = lambda: wandb.Settings(**FAST)
for n in range(3):
    with wandb.init(project="p", id=f"r{n}", name=f"run {n}", config={"lr": n / 10}, tags=[f"t{n}"], settings=fast()) as run:
        for i in range(1200 if n == 0 else 5):
            run.log({"loss": i + n, "odd" if i % 2 else "even": i})
        print("line of", n)
        with open("model.bin", "wb") as file:
            file.write(bytes(100 * n))
        run.save("model.bin")

api = wandb.Api()
assert [project.name for project in api.projects()] == ["p"]
names = lambda **how: [run.id for run in wandb.Api().runs("local/p", **how)]
assert names() == ["r0", "r1", "r2"]
assert names(order="-created_at") == ["r2", "r1", "r0"]
assert names(order="-config.lr.value") == ["r2", "r1", "r0"]
assert names(filters={"config.lr.value": {"$gt": 0.05}, "state": "finished"}) == ["r1", "r2"]
assert names(filters={"$or": [{"display_name": "run 0"}, {"tags": "t2"}]}) == ["r0", "r2"]
assert names(filters={"summary_metrics.loss": {"$gte": 1000}}) == ["r0"]
assert len(api.runs("local/p", per_page=1)) == 3 and [r.id for r in api.runs("local/p", per_page=1)] == ["r0", "r1", "r2"]

run = api.run("local/p/r0")
assert (run.name, run.state, run.tags, run.config) == ("run 0", "finished", ["t0"], {"lr": 0.0})
assert run.summary["loss"] == 1199 and run.lastHistoryStep == 1199
assert len(run.history(pandas=False)) == 500 and len(run.history(pandas=False, samples=2000)) == 1200
assert [row["odd"] for row in run.history(pandas=False, keys=["odd"], samples=1000)][:2] == [1, 3]
rows = list(run.scan_history())
assert [row["_step"] for row in rows] == list(range(1200)) and rows[1199]["loss"] == 1199
assert [row["loss"] for row in run.scan_history(keys=["loss"], min_step=10, max_step=13)] == [10, 11, 12]
assert [row["loss"] for row in run.scan_history(keys=["loss"], page_size=100)] == list(range(1200))
assert any("line of 0" in line.content for line in run.console_logs())
assert any("line of 0" in line.content for line in run.console_logs(last=50))
assert run.metadata["python"] and "_wandb" in run.rawconfig

files = {file.name: file for file in api.run("local/p/r2").files()}
assert files["model.bin"].size == 200
files["model.bin"].download(root="down", replace=True)
assert os.path.getsize("down/model.bin") == 200
assert [file.name for file in api.run("local/p/r2").files(pattern="%.bin")] == ["model.bin"]

run = api.run("local/p/r1")
run.tags.append("added")
run.notes = "from the API"
run.config["extra"] = 5
run.summary["best"] = 0.25
run.update()
found = state("local/p/r1")
assert found["tags"] == ["t1", "added"] and found["notes"] == "from the API" and found["state"] == "finished"
assert found["config"]["extra"]["value"] == 5 and found["summary"]["best"] == 0.25 and found["summary"]["loss"] == 5
with open("late.txt", "w") as file:
    file.write("late")
run.upload_file("late.txt")
assert state("local/p/r1")["files"]["late.txt"]["size"] == 4
run.file("late.txt").delete()
assert "late.txt" not in state("local/p/r1")["files"]
run.delete()
assert names() == ["r0", "r2"]
try:
    wandb.Api().run("local/p/r1")
except Exception as error:
    assert "r1" in str(error), error
else:
    raise AssertionError("a deleted run was read")
api.create_project("fresh", "local")
assert {project.name for project in wandb.Api().projects()} == {"p", "fresh"}

made = api.create_run(project="fresh", entity="local")
made.update_state("failed") if made.state in ("pending", "running") else None
assert wandb.Api().run(f"local/fresh/{made.id}").state in ("failed", "finished"), made.state
with wandb.init(project="p", id="stopped", settings=fast()) as run:
    wandb.Api().run("local/p/stopped").stop()
    assert state("local/p/stopped")["stop"] and state("local/p/stopped")["state"] == "running"
