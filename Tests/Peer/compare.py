"""Times ddpm-bench and PyTorch in turns on the same U-Nets, and what a training run costs above its
steps, and writes docs/benchmarks.md.

Run by `make bench`. The two never run at the same time, and only ratios of neighbouring runs count:
on shared machines absolute speed drifts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import training_run

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
BENCH = ROOT / ".build/release/ddpm-bench"

PLAIN = dict(
    _class_name="UNet2DModel", act_fn="silu", layers_per_block=2, norm_num_groups=32,
    attention_head_dim=8)
NETS = {
    "fashion-mnist-28": (64, PLAIN | dict(
        sample_size=28, in_channels=1, out_channels=1, block_out_channels=[32, 64, 64],
        down_block_types=["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
        up_block_types=["AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"], norm_num_groups=8)),
    "cifar10-32": (16, PLAIN | dict(
        sample_size=32, in_channels=3, out_channels=3, block_out_channels=[128, 256, 256, 256],
        down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
        attention_head_dim=None, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
        norm_eps=1e-6)),
    # Not used for tuning: another size, odd channel counts, another head, attention at the bottom.
    "photos-48": (8, PLAIN | dict(
        sample_size=48, in_channels=3, out_channels=3, block_out_channels=[48, 96, 144],
        down_block_types=["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
        up_block_types=["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"], norm_num_groups=24,
        attention_head_dim=36)),
}
# What is compared: our figure, PyTorch's.
FIELDS = [
    ("training step", "training_images_per_second", "training_images_per_second"),
    ("forward", "forward_images_per_second", "forward_images_per_second"),
    ("forward, one image", "single_images_per_second", "single_images_per_second"),
    ("peak memory", "peak_megabytes", "peak_megabytes"),
    ("training step, PyTorch in bfloat16", "training_images_per_second",
     "bfloat16_training_images_per_second"),
    ("forward, PyTorch in bfloat16", "forward_images_per_second",
     "bfloat16_forward_images_per_second"),
]


def run(command):
    # For libraries of the Python side, which are to choose their kernels themselves.
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return json.loads(subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment, text=True).stdout)


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def bench(config, batch, threads, repeat):
    return run(
        [BENCH, "unet", "--config", config, "--batch", str(batch), "--threads", str(threads),
         "--repeat", str(repeat), "--json"])


def measure(name, rounds, repeat, threads):
    """The table's rows, the rows of scaling, and one report of either side."""
    batch, config = NETS[name]
    ours, theirs, alone = [], [], []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        for i in range(rounds):
            alone.append(bench(file.name, batch, 1, repeat))
            ours.append(bench(file.name, batch, threads, repeat))
            theirs.append(run(
                [sys.executable, HERE / "bench.py", file.name, str(batch), str(threads),
                 str(repeat)]))
            print(f"{name} {i + 1}/{rounds}: " + ", ".join(
                f"{label} {ours[-1][a] / theirs[-1][b]:.2f}" for label, a, b in FIELDS),
                file=sys.stderr)
    rows = [
        f"| {name}, batch {batch} | {label} "
        f"| {statistics.median(r[a] for r in ours):.4g} "
        f"| {statistics.median(r[b] for r in theirs):.4g} "
        f"| {spread([x[a] / y[b] for x, y in zip(ours, theirs)])} |" for label, a, b in FIELDS]
    scaling = [
        f"| {name}, batch {batch} | {label} "
        f"| {spread([x[field] / y[field] for x, y in zip(ours, alone)])} |"
        for label, field, _ in FIELDS[:2]]
    return rows, scaling, ours[0], theirs[0]


def run_costs(name, every, repeat, threads):
    """A row on what checkpoints and data cost a training run."""
    batch, config = NETS[name]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        checkpoints, step, ratio = training_run.costs(
            name, batch, every, threads, lambda: bench(
                file.name, batch, threads, repeat)["training_images_per_second"])
    cost = statistics.median(checkpoints)
    return (
        f"| {name}, batch {batch} | {1000 * step:.0f} ms | {ratio:.2f} "
        f"| {1000 * cost:.0f} ms ({1000 * min(checkpoints):.0f} to {1000 * max(checkpoints):.0f}) "
        f"| {100 * cost / (500 * step):.2f} % |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=NETS)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    rows, scaling = [], []
    for name in [options.only] if options.only else NETS:
        more, scales, ours, theirs = measure(name, options.rounds, options.repeat, options.threads)
        rows, scaling = rows + more, scaling + scales
    costs = [
        run_costs(name, every, options.repeat, options.threads)
        for name, every in (("fashion-mnist-28", 40), ("cifar10-32", 12))]
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo")
               if line.startswith("model name"))
    text = f"""# Benchmarks

ddpmd and PyTorch {theirs["torch"]} with diffusers, float32, {options.threads} threads each, timed in turns by
`make bench`: {options.rounds} rounds, the median of {options.repeat} repetitions in each. Speeds are in images a second,
memory is the process's peak in megabytes. The ratio is the median of the rounds' ratios, with the lowest and the
highest; absolute figures drift on shared machines, ratios hold.

A training step is noising, forward, loss, backward, clipping, Adam and the moving average. PyTorch counts
with the better of its two memory layouts.

Machine: {cpu}, {os.cpu_count()} processors; kernels {ours["kernels"]}.

| network | what | ddpmd | PyTorch | ratio |
|---|---|---|---|---|
""" + "\n".join(rows) + f"""

Against PyTorch in bfloat16 (autocast) ddpmd still computes in float32.

## Scaling, and what a run costs above its steps

Speed with {options.threads} threads over that with one, measured in turns:

| network | what | ratio |
|---|---|---|
""" + "\n".join(scaling) + f"""

A step of a real job, which reads and shuffles data and logs, beside that of `ddpm-bench unet`, which does not; and
what a checkpoint takes from the training, whose writing goes on beside it:

| job | step | ratio to ddpm-bench | checkpoint | of the training, with one every 500 steps |
|---|---|---|---|---|
""" + "\n".join(costs) + "\n"

    if options.output:
        options.output.write_text(text)
    print(text)


main()
