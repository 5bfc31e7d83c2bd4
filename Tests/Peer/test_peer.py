"""Trains, samples and predicts with the programs in .build/release, and does the same with PyTorch
and diffusers: what leaves here must be what diffusers loads, and compute what diffusers computes.

Run by `make test-peer`.
"""

import json
import pathlib
import subprocess

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel

BIN = pathlib.Path(__file__).parents[2] / ".build/release"
IMAGES = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"


class Spool:
    """A private ddpmd."""

    def __init__(self, root):
        self.root = root
        self.log = open(root / "ddpmd.log", "w")
        self.daemon = subprocess.Popen([BIN / "ddpmd", "--root", root], stderr=self.log)
        while "serving" not in (root / "ddpmd.log").read_text():
            assert self.daemon.poll() is None

    def run(self, job):
        """Submits a job, waits for its end and returns the folder of its results."""
        file = self.root / "job.json"
        file.write_text(json.dumps({"schema": "ddpm.job/1", "seed": 1} | job))
        number = self.ctl("submit", "--wait", str(file))
        return pathlib.Path(self.ctl("results", number))

    def ctl(self, *words):
        return subprocess.run(
            [BIN / "ddpmctl", words[0], "--root", self.root, *words[1:]],
            check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


@pytest.fixture(scope="module")
def spool(tmp_path_factory):
    spool = Spool(tmp_path_factory.mktemp("root"))
    yield spool
    spool.daemon.terminate()
    assert spool.daemon.wait() == 0


@pytest.fixture(scope="module")
def trained(spool):
    return spool.run({
        "kind": "train", "name": "shirts", "dataset": {"type": "idx", "path": IMAGES},
        "unet": {"preset": "fashion-mnist-28"}, "scheduler": {"preset": "fashion-mnist-28"},
        "optimizer": {"learning_rate": 1e-3}, "ema": {"decay": 0.9},
        "training": {"batch_size": 16, "steps": 40},
    })


def predict(folder, x, timestep, scratch, label=None):
    np.save(scratch / "x.npy", x.numpy())
    subprocess.run(
        [BIN / "ddpm-bench", "predict", "--model", folder, "--input", scratch / "x.npy",
         "--timestep", str(timestep), "--output", scratch / "y.npy"]
        + ([] if label is None else ["--label", str(label)]), check=True)
    return torch.from_numpy(np.load(scratch / "y.npy"))


def relative_error(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


@pytest.mark.parametrize("timestep", [0, 17, 500, 999])
def test_pipeline_loads_and_predicts_the_same(trained, timestep, tmp_path):
    pipeline = DDPMPipeline.from_pretrained(trained)
    x = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(timestep))
    with torch.no_grad():
        wanted = pipeline.unet(x, timestep).sample
    assert relative_error(predict(trained, x, timestep, tmp_path), wanted) < 1e-5


def test_pipeline_draws(trained):
    image = DDPMPipeline.from_pretrained(trained)(num_inference_steps=3).images[0]
    assert image.size == (28, 28)


CONFIGS = {
    "cifar10": dict(
        sample_size=32, block_out_channels=(128, 256, 256, 256), attention_head_dim=None,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6),
    "scale_shift": dict(
        sample_size=16, block_out_channels=(32, 64), resnet_time_scale_shift="scale_shift",
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=16),
    "odd channels": dict(
        sample_size=12, in_channels=2, out_channels=2, block_out_channels=(24, 40),
        norm_num_groups=8, down_block_types=("AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D"), attention_head_dim=8),
    "classes": dict(
        sample_size=16, block_out_channels=(32, 64), num_class_embeds=10,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=16),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_models_of_diffusers_predict_the_same(name, tmp_path):
    torch.manual_seed(2)
    unet = UNet2DModel(**CONFIGS[name]).eval()
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path / "model")
    config = unet.config
    x = torch.randn(2, config.in_channels, config.sample_size, config.sample_size)
    with torch.no_grad():
        label = None if config.num_class_embeds is None else 7
        labels = None if label is None else torch.full((2,), label)
        wanted = unet(x, 321, class_labels=labels).sample
    assert relative_error(predict(tmp_path / "model", x, 321, tmp_path, label), wanted) < 1e-5


def test_ddim_draws_the_same_images(spool, trained, tmp_path):
    noise = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(4))
    np.save(tmp_path / "noise.npy", noise.numpy())
    results = spool.run({
        "kind": "sample", "name": "drawn", "model": {"path": str(trained)}, "count": 3,
        "sampler": {"type": "ddim", "steps": 20, "eta": 0.0},
        "initial_noise": str(tmp_path / "noise.npy"), "output": {"formats": ["npy"]},
    })
    pipeline = DDPMPipeline.from_pretrained(trained)
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    scheduler.set_timesteps(20)
    x = noise
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(pipeline.unet(x, t).sample, t, x, eta=0.0).prev_sample
    wanted = ((x / 2 + 0.5).clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy()
    # A value on the edge between two bytes may fall to either side.
    assert np.abs(np.load(results / "samples.npy").astype(int) - wanted).max() <= 1


def test_guided_classes_are_drawn_the_same(spool, tmp_path):
    trained = spool.run({
        "kind": "train", "name": "classes",
        "dataset": {"type": "idx", "path": IMAGES, "labels": True},
        "unet": {"preset": "fashion-mnist-28"}, "scheduler": {"preset": "fashion-mnist-28"},
        "optimizer": {"learning_rate": 1e-3}, "ema": {"decay": 0.9},
        "training": {"batch_size": 16, "steps": 40, "label_dropout": 0.2},
    })
    pipeline = DDPMPipeline.from_pretrained(trained)
    null = json.loads((trained / "classes.json").read_text())["null_class"]
    assert null == 10 and pipeline.unet.config.num_class_embeds == 11

    noise = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(4))
    np.save(tmp_path / "noise.npy", noise.numpy())
    results = spool.run({
        "kind": "sample", "name": "guided", "model": {"path": str(trained)}, "count": 3,
        "classes": [3, "9"], "guidance": {"scale": 3.0, "rescale": 0.7},
        "sampler": {"type": "ddim", "steps": 20, "eta": 0.0},
        "initial_noise": str(tmp_path / "noise.npy"), "output": {"formats": ["npy", "grid"]},
    })
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    scheduler.set_timesteps(20)
    x = noise
    with torch.no_grad():
        for t in scheduler.timesteps:
            conditional = pipeline.unet(x, t, class_labels=torch.tensor([3, 9, 3])).sample
            unconditional = pipeline.unet(x, t, class_labels=torch.full((3,), null)).sample
            guided = unconditional + 3.0 * (conditional - unconditional)
            # diffusers' rescale_noise_cfg.
            ratio = conditional.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
            guided = 0.7 * guided * ratio + 0.3 * guided
            x = scheduler.step(guided, t, x, eta=0.0).prev_sample
    wanted = ((x / 2 + 0.5).clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy()
    assert np.abs(np.load(results / "samples.npy").astype(int) - wanted).max() <= 1
