"""Definitions of metrics: what is in the summary, and what is inserted into rows."""

from support import case, main, start

VALUES = (3, 1, 2)


def kinds(name, **how):
    with start(name) as run:
        run.define_metric("m", **how)
        for value in VALUES:
            run.log({"m": value, "other": value})


@case
def metric_min(name):
    kinds(name, summary="min")


@case
def metric_max(name):
    kinds(name, summary="max")


@case
def metric_several(name):
    kinds(name, summary="min,max,mean,last,first")


@case
def metric_copy_none(name):
    with start(name) as run:
        run.define_metric("m", summary="copy")
        run.define_metric("n", summary="none")
        for value in VALUES:
            run.log({"m": value, "n": value})


@case
def metric_glob(name):
    with start(name) as run:
        run.define_metric("epoch")
        run.define_metric("val/*", step_metric="epoch", summary="max")
        run.define_metric("hidden_*", summary="min", hidden=True)
        for value in VALUES:
            run.log({"val/loss": value, "hidden_a": value, "epoch": value * 10})


@case
def metric_step_sync(name):
    with start(name) as run:
        run.define_metric("s", step_metric="mystep", step_sync=True)
        run.log({"s": 1})
        run.log({"mystep": 10})
        run.log({"s": 2})


@case
def metric_overwrite(name):
    with start(name) as run:
        run.define_metric("m", summary="max")
        run.log({"m": 3})
        run.define_metric("m", summary="last", overwrite=True)
        run.log({"m": 1})


@case
def metric_mean_hidden(name):
    kinds(name, summary="mean", hidden=True)


@case
def summary_edits(name):
    with start(name) as run:
        run.log({"a": 1, "b": {"c": 2}})
        run.summary["mine"] = 5
        run.summary.update({"nested": {"x": 1, "y": {"z": 2}}})
        run.summary["a"] = "mine"
        run.log({"b": {"d": 3}})


@case
def summary_delete(name):
    with start(name) as run:
        run.log({"a": 1, "b": 2})
        run.summary["c"] = 3
        del run.summary["b"]
        del run.summary["c"]


@case
def summary_of_the_server(name):
    with start(name, settings={"x_server_side_derived_summary": True}) as run:
        run.log({"a": 1})
        run.summary["mine"] = 2
        run.log({"a": 3})


main()
