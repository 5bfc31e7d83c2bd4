"""Trains fashion-mnist-28 for 1,500 steps of batch 64 with ddpmd and, the same way, with diffusers,
draws from both models with ddpmd's DDIM, and compares the samples with real images: Fréchet
distances in the features of a small classifier, and the variational bound. Writes docs/quality.md.

Run by `make quality`. Every part is kept in the folder --work and not made again, so that an
interrupted run goes on; --diffusers and --ddpmd take models that are there already.
"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch import nn

ROOT = pathlib.Path(__file__).parents[2]
BIN = pathlib.Path(os.environ.get("DDPM_BIN", ROOT / ".build/release")).absolute()
DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
STEPS, BATCH = 1500, 64

# One recipe for both.
TRAINING = {
    "kind": "train", "name": "quality",
    "dataset": {"type": "idx", "path": str(DATA / "train-images-idx3-ubyte.gz")},
    "unet": {"preset": "fashion-mnist-28"}, "scheduler": {"preset": "fashion-mnist-28"},
    "optimizer": {"learning_rate": 5e-4, "warmup_steps": 100, "gradient_clipping": 1.0},
    "ema": {"decay": 0.995},
    "training": {"batch_size": BATCH, "steps": STEPS, "checkpoint_every": 250},
}
SAMPLER = {"type": "ddim", "steps": 50, "eta": 0.0}


def idx(name, header):
    with gzip.open(DATA / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def images(part):
    return torch.tensor(idx(f"{part}-images-idx3-ubyte.gz", 16)).reshape(-1, 1, 28, 28)


def labels(part):
    return torch.tensor(idx(f"{part}-labels-idx1-ubyte.gz", 8)).long()


class Daemon:
    """A private ddpmd in the folder `root`."""

    def __init__(self, root):
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.log = open(root / "ddpmd.log", "w")
        self.process = subprocess.Popen(
            [BIN / "ddpmd", "--root", root], stderr=self.log)
        while "serving" not in (root / "ddpmd.log").read_text():
            assert self.process.poll() is None, (root / "ddpmd.log").read_text()

    def run(self, job, seed):
        """The folder of the job's results."""
        file = self.root / "job.json"
        file.write_text(json.dumps({"schema": "ddpm.job/1", "seed": seed} | job))
        number = self.ctl("submit", "--wait", str(file))
        return self.ctl("results", number)

    def ctl(self, *words):
        return subprocess.run(
            [BIN / "ddpmctl", words[0], "--root", self.root, *words[1:]], check=True, text=True,
            stdout=subprocess.PIPE).stdout.strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def train_diffusers(seed, folder):
    """TRAINING in PyTorch, with the averaged weights saved as a pipeline."""
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
    torch.manual_seed(seed)
    data = images("train").float() / 127.5 - 1
    unet = UNet2DModel(
        sample_size=28, in_channels=1, out_channels=1, block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"), norm_num_groups=8)
    scheduler = DDPMScheduler()
    optimizer = torch.optim.Adam(unet.parameters(), lr=5e-4)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1, (n + 1) / 100))
    average = [p.detach().clone() for p in unet.parameters()]
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, STEPS + 1):
        if len(order) < BATCH:
            order = torch.randperm(len(data))
        x, order = data[order[:BATCH]], order[BATCH:]
        noise, t = torch.randn_like(x), torch.randint(0, 1000, (BATCH,))
        loss = nn.functional.mse_loss(unet(scheduler.add_noise(x, noise, t), t).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        warmup.step()
        with torch.no_grad():
            decay = min(0.995, (1 + step) / (10 + step))
            torch._foreach_lerp_(average, list(unet.parameters()), 1 - decay)
        if step % 100 == 0:
            print(f"diffusers: step {step} of {STEPS}", file=sys.stderr, flush=True)
    with torch.no_grad():
        for parameter, values in zip(unet.parameters(), average):
            parameter.copy_(values)
    DDPMPipeline(unet, scheduler).save_pretrained(folder)


class Classifier(nn.Module):
    """Two convolutions and a hidden layer, whose 128 activations are the feature space."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU())
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.features(x))


def trained_classifier(file):
    """The same each time: trained once with a fixed seed, then kept."""
    torch.manual_seed(0)
    model = Classifier()
    if file.exists():
        model.load_state_dict(torch.load(file))
        return model.eval()
    x, y = images("train").float() / 127.5 - 1, labels("train")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(3):
        for batch in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    torch.save(model.state_dict(), file)
    return model.eval()


@torch.no_grad()
def features(model, pixels):
    """N×128, in float64, of uint8 N×1×28×28."""
    parts = [model.features(part.float() / 127.5 - 1) for part in pixels.split(500)]
    return torch.cat(parts).double().numpy()


def frechet(a, b):
    """|μa − μb|² + tr(Σa + Σb − 2(Σa Σb)^½), Heusel et al. (2017)."""
    mean, (ca, cb) = a.mean(0) - b.mean(0), (np.cov(a, rowvar=False), np.cov(b, rowvar=False))
    # The eigenvalues of Σa Σb are those of a symmetric matrix with non-negative ones.
    values, vectors = np.linalg.eigh(ca)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cb @ root).clip(0)).sum()
    return mean @ mean + np.trace(ca) + np.trace(cb) - 2 * cross


def spread(found, real, rng):
    """Standard deviation of the distance over resampled samples."""
    return np.std([
        frechet(found[rng.integers(len(found), size=len(found))], real) for _ in range(20)])


def kept(work, name, make):
    """What `make` returned, a JSON value, when it was first called under that name."""
    file = work / f"{name}.json"
    if not file.exists():
        value = make()
        file.write_text(json.dumps(value))
    return json.loads(file.read_text())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".build/quality")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--evaluated", type=int, default=256, help="images for the bound")
    parser.add_argument("--diffusers", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--ddpmd", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)

    def train(seed):
        folder = work / f"diffusers-{seed}"
        train_diffusers(seed, folder)
        return str(folder)

    daemon = Daemon(work / "root")
    try:
        models = {}
        for i, seed in enumerate(options.seeds):
            models["ddpmd", seed] = (
                str(options.ddpmd[i].absolute()) if i < len(options.ddpmd)
                else kept(work, f"ddpmd-{seed}-model", lambda: daemon.run(TRAINING, seed)))
            models["diffusers", seed] = (
                str(options.diffusers[i].absolute()) if i < len(options.diffusers)
                else kept(work, f"diffusers-{seed}-model", lambda: train(seed)))
        samples, bounds = {}, {}
        for (side, seed), folder in models.items():
            samples[side, seed] = kept(work, f"{side}-{seed}-samples", lambda: daemon.run({
                "kind": "sample", "name": "samples", "model": {"path": folder},
                "count": options.samples, "batch_size": 256, "sampler": SAMPLER,
                "output": {"formats": ["npy", "grid"]}}, seed=7))
            bounds[side, seed] = kept(work, f"{side}-{seed}-bound", lambda: daemon.run({
                "kind": "evaluate", "name": "bound", "model": {"path": folder},
                "dataset": {"type": "idx", "path": str(DATA / "t10k-images-idx3-ubyte.gz")},
                "timesteps": 100, "budget": {"images": options.evaluated}}, seed=7))
    finally:
        daemon.stop()

    classifier = trained_classifier(work / "classifier.pt")
    test = images("t10k")
    accuracy = (classifier(test.float() / 127.5 - 1).argmax(1) == labels("t10k")).float().mean()
    real, rng = features(classifier, test), np.random.default_rng(0)
    few = images("train")[rng.choice(60000, options.samples, replace=False)]
    rows = [("real training images", "", features(classifier, few), None)]
    for side, seed in models:
        pixels = np.load(pathlib.Path(samples[side, seed]) / "samples.npy")
        found = features(classifier, torch.from_numpy(pixels).permute(0, 3, 1, 2))
        evaluation = json.loads(
            (pathlib.Path(bounds[side, seed]) / "evaluation.json").read_text())
        # Of a folder of ddpmd the plain weights, raw, are scored beside the averaged ones.
        averaged = [r for r in evaluation["results"] if r["weights"] != "raw"]
        assert len(averaged) == 1
        rows.append((side, str(seed), found, averaged[0]))

    def bits(value):
        return f"{value['bits_per_dim']:.3f} ± {value['standard_error']:.3f}"

    lines = []
    for side, seed, found, result in rows:
        distance = f"{frechet(found, real):.2f} ± {spread(found, real, rng):.2f}"
        terms = ["", "", "", ""] if result is None else [
            bits(result["nll"]), f"{result['prior']['bits_per_dim']:.1e}",
            bits(result["transitions"]), bits(result["decoder"])]
        lines.append("| " + " | ".join([side, seed, distance] + terms) + " |")
    seeds = len(options.seeds)
    given = [side for side in ("ddpmd", "diffusers") if getattr(options, side)]
    source = (
        f" For this page the model of {' and '.join(given)} was not trained by it, but given, said to be"
        " of that recipe." if given else "")
    text = f"""# Quality

fashion-mnist-28 trained for {STEPS} steps of batch {BATCH} by ddpmd and by diffusers with PyTorch {torch.__version__},
each with Adam at 5e-4 after 100 steps of warm-up, gradients clipped to 1 and weights averaged with
min(0.995, (1 + n) / (10 + n)). `make quality` trains both, draws from both with ddpmd's DDIM and writes this page.{source}

The Fréchet distance is between {options.samples} samples (DDIM, 50 steps, the same noise for all models) and the 10,000 test
images, in the 128 features of a small classifier ({100 * accuracy:.1f} % right on the test images); ± is its standard
deviation over resampled samples, and does not hold how much one training differs from another with a different
seed: {seeds} {"was" if seeds == 1 else "were"} trained on each side. As many real training images are as near as samples could come.
The bound is that of the averaged weights, in bits/dim, on {options.evaluated} test images, at 100 timesteps of each image,
with its standard error over images, which are the same for all models.

| model | seed | Fréchet distance | NLL | L_T | transitions | L₀ |
|---|---|---|---|---|---|---|
""" + "\n".join(lines) + "\n"
    if options.output:
        options.output.write_text(text)
    print(text)


main()
