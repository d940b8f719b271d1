"""Rows logged from tasks of an event loop."""
import asyncio
import wandb


async def work(run, who):
    for step in range(5):
        run.log({f"m{who}": step})
        await asyncio.sleep(0)


async def main():
    with wandb.init(id="asyncio") as run:
        await asyncio.gather(*(work(run, who) for who in range(3)))
        print("step", run.step)


asyncio.run(main())
