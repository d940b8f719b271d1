"""Artifacts: logged, used, downloaded, linked; the same content twice; references between them."""

import os
import pathlib

import wandb
from helper import FAST, requests

fast = lambda: wandb.Settings(**FAST)
pathlib.Path("data/sub").mkdir(parents=True)
pathlib.Path("data/a.txt").write_text("hello\n")
pathlib.Path("data/sub/b.txt").write_text("two")
pathlib.Path("data/empty").write_text("")


def logged(run, extra=None, **how):
    artifact = wandb.Artifact("ds", type="dataset", metadata={"k": 1}, description="text")
    artifact.add_dir("data")
    if extra:
        with artifact.new_file("extra.txt") as file:
            file.write(extra)
    run.log_artifact(artifact, **how)
    return artifact.wait()


with wandb.init(project="p", id="maker", settings=fast()) as run:
    run.log({"x": 1})
    first = logged(run, aliases=["latest", "good"], tags=["t1"])
    assert (first.version, first.state, first.size) == ("v0", "COMMITTED", 9), (first.version, first.state, first.size)
    again = logged(run)
    assert again.id == first.id and again.version == "v0", "equal content is no new version"
    puts = len(requests("upload"))
    second = logged(run, extra="more")
    assert second.version == "v1" and len(requests("upload")) == puts + 2, "only the new file and the manifest"
    run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
    reference = wandb.Artifact("refs", type="dataset")
    reference.add(wandb.Table(columns=["c"], data=[[1]]), "inner")
    pathlib.Path("local.txt").write_text("here")
    reference.add_reference(pathlib.Path("local.txt").resolve().as_uri(), name="local.txt")
    run.log_artifact(reference).wait()
    far = wandb.Artifact("far", type="dataset")
    far.add_reference("http://127.0.0.1:9/x.bin", checksum=False)
    assert run.log_artifact(far).wait().size == 0

with wandb.init(project="p", id="user", settings=fast()) as run:
    used = run.use_artifact("ds:good")
    assert used.version == "v0" and sorted(used.aliases) == ["good"], used.aliases
    where = pathlib.Path(used.download(root="got", skip_cache=True))
    assert (where / "a.txt").read_text() == "hello\n" and (where / "sub/b.txt").read_text() == "two"
    assert (where / "empty").read_text() == "" and used.metadata == {"k": 1} and used.description == "text"
    assert used.verify("got") is None
    entry = run.use_artifact("ds:v1").get_entry("extra.txt").download(root="one", skip_cache=True)
    assert pathlib.Path(entry).read_text() == "more"
    link = run.link_artifact(used, "p/portfolio", aliases=["prod"])

api = wandb.Api()
artifact = api.artifact("local/p/ds:latest")
assert artifact.version == "v1" and artifact.type == "dataset", artifact.version
assert [version.version for version in api.artifacts("dataset", "local/p/ds")] == ["v1", "v0"]
assert {kind.name for kind in api.artifact_types("local/p")} >= {"dataset", "run_table"}
assert {one.name for one in api.artifact_type("dataset", "local/p").collections()} >= {"ds", "refs"}
assert api.artifact("local/p/ds:v0").logged_by().id == "maker"
assert [run.id for run in api.artifact("local/p/ds:v0").used_by()] == ["user"]
assert {one.name for one in api.run("local/p/maker").logged_artifacts()} >= {"ds:v0", "ds:v1", "refs:v0"}
assert [one.name for one in api.run("local/p/user").used_artifacts()] == ["ds:v0", "ds:v1"]
assert sorted(file.name for file in artifact.files()) == ["a.txt", "empty", "extra.txt", "sub/b.txt"]
assert api.artifact("local/p/portfolio:prod").digest == first.digest
assert api.artifact_exists("local/p/ds:v0") and not api.artifact_exists("local/p/ds:v7")
old = api.artifact("local/p/ds:v0")
old.description = "changed"
old.aliases.append("kept")
old.save()
old = wandb.Api().artifact("local/p/ds:kept")
assert (old.version, old.description) == ("v0", "changed")
old.delete(delete_aliases=True)
assert not wandb.Api().artifact_exists("local/p/ds:v0")
table = api.artifact("local/p/refs:v0").get("inner")
assert table.data == [[1]], table.data
api.artifact("local/p/refs:v0").download(root="refs", skip_cache=True, path_prefix="local")
assert pathlib.Path("refs/local.txt").read_text() == "here"
name = next(one.name for one in api.run("local/p/maker").logged_artifacts() if one.type == "run_table")
assert api.artifact(f"local/p/{name}").get("table").data == [[1, "x"], [2, "y"]]

with wandb.init(project="p", id="parts", group="g", settings=fast()) as run:
    for part in "ab":
        artifact = wandb.Artifact("spread", type="dataset")
        with artifact.new_file(f"{part}.txt") as file:
            file.write(part)
        run.upsert_artifact(artifact, distributed_id="one").wait()
    artifact = wandb.Artifact("spread", type="dataset")
    with artifact.new_file("c.txt") as file:
        file.write("c")
    run.finish_artifact(artifact, distributed_id="one").wait()
spread = wandb.Api().artifact("local/p/spread:latest")
assert sorted(spread.manifest.entries) == ["a.txt", "b.txt", "c.txt"], spread.manifest.entries
assert sorted(os.listdir(spread.download(root="spread", skip_cache=True))) == ["a.txt", "b.txt", "c.txt"]
bad = [request for request in requests("graphql") if request["status"] != 200 or "errors" in request["response"]]
assert not bad, [(request["on"], request["response"]) for request in bad]
