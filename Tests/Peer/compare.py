"""Times ddpm-bench and PyTorch in turns on the same U-Nets and writes docs/benchmarks.md.

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
FIELDS = [
    ("training step", "training_images_per_second"), ("forward", "forward_images_per_second"),
    ("forward, one image", "single_images_per_second"), ("peak memory", "peak_megabytes")]


def run(command):
    # For libraries of the Python side, which are to choose their kernels themselves.
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return json.loads(subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment, text=True).stdout)


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def measure(name, rounds, repeat, threads):
    batch, config = NETS[name]
    ours, theirs = [], []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        for i in range(rounds):
            ours.append(run(
                [BENCH, "unet", "--config", file.name, "--batch", str(batch), "--threads",
                 str(threads), "--repeat", str(repeat), "--json"]))
            theirs.append(run(
                [sys.executable, HERE / "bench.py", file.name, str(batch), str(threads),
                 str(repeat)]))
            print(f"{name} {i + 1}/{rounds}: " + ", ".join(
                f"{label} {ours[-1][field] / theirs[-1][field]:.2f}" for label, field in FIELDS),
                file=sys.stderr)
    rows = []
    for label, field in FIELDS:
        rows.append(
            f"| {name}, batch {batch} | {label} "
            f"| {statistics.median(r[field] for r in ours):.4g} "
            f"| {statistics.median(r[field] for r in theirs):.4g} "
            f"| {spread([a[field] / b[field] for a, b in zip(ours, theirs)])} |")
    return rows, ours[0], theirs[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=NETS)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    rows = []
    for name in [options.only] if options.only else NETS:
        more, ours, theirs = measure(name, options.rounds, options.repeat, options.threads)
        rows += more
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
""" + "\n".join(rows) + "\n"
    if options.output:
        options.output.write_text(text)
    print(text)


main()
