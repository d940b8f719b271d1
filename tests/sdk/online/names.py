"""The run's own record: config, names, tags, and what changes of it later."""

import wandb
from support import BASE, case, main, requests, start


@case
def config_edits(name):
    with start(name, config={"lr": 0.1, "net": {"layers": 3, "width": 10}, "gone": 1}) as run:
        run.config.update({"lr": 0.2}, allow_val_change=True)
        run.config["new"] = [1, {"a": None}]
        run.config.update({"net": {"depth": 5}}, allow_val_change=True)
        run.log({"x": 1})


@case
def config_odd(name):
    with start(name, config={"nan": float("nan"), "inf": float("inf"), "y": "yes", "ключ": "漢", "long": "x" * 5000}) as run:
        run.log({"x": 1})


@case
def group_and_others(name):
    with start(name, group="g", job_type="train", tags=["a", "b"], notes="some notes") as run:
        run.log({"x": 1})


@case
def edited_run(name):
    with start(name, tags=["a"]) as run:
        run.log({"x": 1})
        run.name = "another name"
        run.notes = "later notes"
        run.tags = run.tags + ("b",)
        run.log({"x": 2})


@case
def name_from_server(name):
    with start(name, name=None) as run:
        print("name is", bool(run.name), "url ends", run.url.rsplit("/", 3)[1:])
        run.log({"x": 1})


@case
def renamed_by_settings(name):
    with start(name, name=None, settings={"run_name": "from settings"}) as run:
        print("name is", run.name)
        run.log({"x": 1})


@case
def extra_headers(name):
    with start(name, settings={"x_extra_http_headers": {"X-Foo": "bar", "User-Agent": "mine"}}) as run:
        run.log({"x": 1})
    pushes = requests("file_stream")[-1:] + requests("upload")[-1:]
    print([(push["headers"].get("x-foo"), push["headers"].get("user-agent")) for push in pushes])


@case
def no_machine(name):
    with start(name, settings={"x_disable_machine_info": True}) as run:
        run.log({"x": 1})


@case
def properties(name):
    with start(name) as run:
        url = run.url.replace(BASE, "<server>")
        print(run.entity, run.project, run.id, run.offline, run.resumed, run.starting_step, url)
        print(run.project_url.replace(BASE, "<server>"), run.path)


@case
def alert(name):
    with start(name) as run:
        run.alert("title", "text", level=wandb.AlertLevel.WARN, wait_duration=300)
        run.alert("second", "more")


main()
