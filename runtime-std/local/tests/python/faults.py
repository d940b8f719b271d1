"""The official client against scripted faults: the controls do what they say."""

import wandb
from helper import FAST, fault, forget, metrics, requests, settings, state


def run_with(name, log=3, **how):
    with wandb.init(project="p", id=name, settings=wandb.Settings(console="off", **{**FAST, **how})) as run:
        for i in range(log):
            run.log({"x": i})
    found = state(f"local/p/{name}")
    assert metrics(found["history"], "x") == [[i] for i in range(log)], found["history"]
    assert found["counters"]["conflicts"] == 0
    return found


fault(on="file_stream", status=503, times=2)
fault(on="file_stream", status=429, headers={"Retry-After": "0.5"})
fault(on="file_stream", apply=True, close=True)
fault(on="graphql:UpsertBucket", status=409)
fault(on="upload", contains="config.yaml", apply=True, close=True)
found = run_with("retried")
assert found["state"] == "finished"
pushes = requests("file_stream")
assert len({push["body_md5"] for push in pushes[:5]}) == 1, "a retry repeats the body"
assert [push["status"] for push in pushes[:5]] == [503, 503, 429, 0, 200]
gaps = [push["gap_ms"] for push in pushes[1:4]]
assert 1000 <= gaps[0] <= 1400 and 2000 <= gaps[1] <= 2700 and 480 <= gaps[2] <= 700, gaps

forget()
settings(features=["FILESTREAM_GZIP"])
run_with("zipped", x_file_stream_no_gzip=False)
assert all(push["gzip"] for push in requests("file_stream"))

forget()
settings(upload_headers=["X-Up: v1", "bad"])
run_with("headers")
assert all(upload["headers"]["x-up"] == "v1" for upload in requests("upload"))
settings(upload_headers=["x-ms-blob-type: BlockBlob"], upload_status=201)
found = run_with("azure")
assert found["files"]["config.yaml"]["uploaded"]
settings(upload_headers=[], upload_status=200)

forget()
fault(on="file_stream", status=200, body="<html>", times=-1)
with wandb.init(project="p", id="garbage", settings=wandb.Settings(console="off", **FAST)) as run:
    run.log({"x": 1})
assert state("local/p/garbage")["history"] == []
