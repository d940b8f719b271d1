"""An artifact of files, a directory, a reference and metadata, logged offline; then the same again."""
from pathlib import Path
import wandb

run = wandb.init(id="artifact")
Path("d").mkdir()
Path("d/a.txt").write_text("a\n")
Path("d/b.bin").write_bytes(bytes(range(256)))
artifact = wandb.Artifact("data", type="dataset", description="some files", metadata={"rows": 3, "f": 0.5})
artifact.add_dir("d")
artifact.add_file("d/a.txt", name="renamed/a.txt")
artifact.add_reference("https://example.com/x.bin", name="ref", checksum=False)
with artifact.new_file("made.txt") as file:
    file.write("made here")
run.log_artifact(artifact, aliases=["best", "v-one"], tags=["t"])
run.log_artifact("d/b.bin", name="single", type="model")
run.log({"a": 1})
run.finish()
