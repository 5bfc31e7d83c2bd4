"""What a whole training run costs above its steps: checkpoints and reading the data, measured on a real
job of a real daemon.

Both are taken from one run's metrics, which say for every step how long it took from the step before,
whatever came in between: so neither is hidden by the machine's drift.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
PROGRAMS = ROOT / ".build/release"
EXAMPLES = ROOT / "etc/examples"
CHECKPOINTS = 6


def train(preset, batch, every, threads):
    """Seconds of each step of a run that writes a checkpoint every so many steps. All presets train on
    Fashion-MNIST, converted to their size and channels."""
    job = json.loads((EXAMPLES / "fashion-mnist-train.json").read_text())
    job["unet"] = job["scheduler"] = dict(preset=preset)
    job["training"] = dict(
        batch_size=batch, steps=every * (CHECKPOINTS + 1), checkpoint_every=every)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "job.json").write_text(json.dumps(job))
        (pathlib.Path(folder) / "ddpmd.conf").write_text(f"threads = {threads}\n")
        environment = os.environ | {"DDPM_ROOT": folder + "/root"}
        daemon = subprocess.Popen(
            [PROGRAMS / "ddpmd", "--root", folder + "/root", "--worker", PROGRAMS / "ddpm-worker",
             "--config", folder + "/ddpmd.conf"], stderr=subprocess.DEVNULL)
        try:
            while not os.path.isdir(folder + "/root/spool/drop"):
                time.sleep(0.05)
            subprocess.run(
                [PROGRAMS / "ddpmctl", "submit", "--wait", folder + "/job.json"], check=True,
                env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            lines = open(folder + "/root/lib/jobs/1/metrics.jsonl").read().splitlines()
        finally:
            daemon.terminate()
            daemon.wait()
    return [batch / json.loads(line)["images_per_second"] for line in lines]


def costs(preset, batch, every, threads, bench_images_per_second):
    """What each checkpoint takes from the training, in seconds; what a step takes; and how much longer that is
    than in ddpm-bench, which reads no data and writes nothing, as a ratio.

    bench_images_per_second: measures ddpm-bench once, and is called before and after the job.
    """
    before = bench_images_per_second()
    seconds = train(preset, batch, every, threads)
    after = bench_images_per_second()
    extra = []
    for first in range(every, len(seconds), every):
        steps = seconds[first:first + every]
        # A checkpoint's cost is in the first steps behind it; the median of the others is that of a
        # step alone.
        alone = statistics.median(steps[every // 2:])
        extra.append(sum(steps[:every // 2]) - alone * (every // 2))
    step = statistics.median(seconds)
    return extra, step, step * statistics.mean((before, after)) / batch
