"""Trains, samples and predicts with the programs in .build/release (or in $DDPM_BIN), and does the
same with PyTorch and diffusers: what leaves here must be what diffusers loads, and compute what
diffusers computes, and the other way round.

Run by `make test-peer`.
"""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
import safetensors.torch
import torch
from diffusers import (
    DDIMScheduler, DDPMPipeline, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel)

BIN = pathlib.Path(
    os.environ.get("DDPM_BIN", pathlib.Path(__file__).parents[2] / ".build/release")).absolute()
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
            [BIN / "ddpmctl", "--root", self.root, *words],
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
    "one channel, heads of 8": dict(
        sample_size=28, in_channels=1, out_channels=1, block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"), norm_num_groups=8,
        attention_head_dim=8),
    "padding 0, heads of 8": dict(
        sample_size=16, block_out_channels=(32, 64), downsample_padding=0, attention_head_dim=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), mid_block_scale_factor=1.5),
    "centred, no attention": dict(
        sample_size=16, block_out_channels=(32, 64), center_input_sample=True, add_attention=False,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
        attention_head_dim=None),
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


class Model:
    """A network of random weights that diffusers saved."""

    def __init__(self, name, folder, output_scale=1.0):
        torch.manual_seed(2)
        self.folder = folder
        self.unet = UNet2DModel(**CONFIGS[name]).eval()
        for parameter in self.unet.conv_out.parameters():
            parameter.data *= output_scale
        DDPMPipeline(self.unet, DDPMScheduler()).save_pretrained(folder)
        config = self.unet.config
        self.label = None if config.num_class_embeds is None else 7
        self.noise = torch.randn(2, config.in_channels, config.sample_size, config.sample_size)

    def __call__(self, x, t):
        labels = None if self.label is None else torch.full((len(x),), self.label)
        with torch.no_grad():
            return self.unet(x, t, class_labels=labels).sample


@pytest.fixture(scope="module")
def model(request, tmp_path_factory):
    return Model(request.param, tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("model", CONFIGS, indirect=True)
@pytest.mark.parametrize("timestep", [0, 17, 321, 999])
def test_models_of_diffusers_predict_the_same(model, timestep, tmp_path):
    found = predict(model.folder, model.noise, timestep, tmp_path, model.label)
    assert relative_error(found, model(model.noise, timestep)) < 1e-5


SAMPLERS = {
    "ddim": (DDIMScheduler, {"type": "ddim", "steps": 50, "eta": 0.0}),
    "dpm_solver++": (DPMSolverMultistepScheduler, {"type": "dpm_solver++", "steps": 20}),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_models_of_diffusers_draw_the_same_images(spool, name, sampler, tmp_path):
    # At full strength a random network is chaotic: diffusers' own images in float32 and float64
    # differ by 1.
    model = Model(name, tmp_path / "model", output_scale=0.01)
    kind, section = SAMPLERS[sampler]
    np.save(tmp_path / "noise.npy", model.noise.numpy())
    results = spool.run({
        "kind": "sample", "name": "drawn", "model": {"path": str(model.folder)},
        "count": len(model.noise), "sampler": section,
        "initial_noise": str(tmp_path / "noise.npy"), "output": {"formats": ["npy_float"]},
    } | ({} if model.label is None else {"classes": [model.label]}))
    scheduler = kind.from_pretrained(model.folder, subfolder="scheduler")
    scheduler.set_timesteps(section["steps"])
    x = model.noise
    for t in scheduler.timesteps:
        x = scheduler.step(model(x, t), t, x).prev_sample
    assert np.abs(np.load(results / "samples-float32.npy") - x.numpy()).max() < 1e-3


def old_names(name):
    for new, old in [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")]:
        name = name.replace(f".{new}.", f".{old}.")
    return name


def store(unet, folder, form):
    """Saves the network in another form; returns what it computes with the weights as saved."""
    half = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(form.split()[0])
    saved = UNet2DModel.from_config(unet.config)
    saved.load_state_dict(unet.state_dict())
    if half:
        saved.to(half)
    if form.endswith("variant"):
        saved.save_pretrained(folder, variant="fp16")
    elif form.endswith("shards"):
        saved.save_pretrained(folder, max_shard_size="2MB")
        assert len(list(folder.glob("*-of-*"))) > 1
    else:
        saved.save_pretrained(folder)
    if form == "old names":
        file = folder / "diffusion_pytorch_model.safetensors"
        tensors = safetensors.torch.load_file(file)
        safetensors.torch.save_file({old_names(k): v for k, v in tensors.items()}, file)
    return saved.float().eval()


@pytest.mark.parametrize("model", ["one channel, heads of 8"], indirect=True)
@pytest.mark.parametrize("form", [
    "float16", "bfloat16", "float16 variant", "float32 shards", "float16 variant shards",
    "old names"])
def test_weights_are_read_in_every_form(spool, model, form, tmp_path):
    folder = tmp_path / "model"
    DDPMScheduler().save_pretrained(folder / "scheduler")
    unet = store(model.unet, folder / "unet", form)
    with torch.no_grad():
        wanted = unet(model.noise, 17).sample
    assert relative_error(predict(folder, model.noise, 17, tmp_path), wanted) < 1e-5
    assert "318 tensors" in spool.ctl("model", "verify", str(folder))


@pytest.mark.parametrize("model", ["one channel, heads of 8"], indirect=True)
def test_a_model_of_diffusers_is_trained_on(spool, model, tmp_path):
    """With a learning rate that no weight notices, diffusers gets back what it gave."""
    tuned = spool.run({
        "kind": "train", "name": "tuned", "dataset": {"type": "idx", "path": IMAGES},
        "init": {"path": str(model.folder)}, "optimizer": {"learning_rate": 1e-30},
        "training": {"batch_size": 4, "steps": 2},
    })
    unet = DDPMPipeline.from_pretrained(tuned / "raw").unet
    for name, values in model.unet.state_dict().items():
        assert torch.allclose(unet.state_dict()[name], values, rtol=0, atol=1e-20), name


@pytest.mark.parametrize("model", ["one channel, heads of 8"], indirect=True)
def test_a_pickle_is_refused_and_converts_as_it_is_said(model, tmp_path):
    pickle, safe = tmp_path / "pickle", tmp_path / "safe"
    DDPMPipeline(model.unet, DDPMScheduler()).save_pretrained(pickle, safe_serialization=False)
    verify = [BIN / "ddpmctl", "model", "verify"]
    refusal = subprocess.run([*verify, pickle], capture_output=True, text=True)
    assert refusal.returncode == 65 and "is a pickle" in refusal.stderr
    words = "DDPMPipeline" + refusal.stderr.split("DDPMPipeline", 1)[1].strip()
    exec(words, {"DDPMPipeline": DDPMPipeline, "FOLDER": pickle, "NEW_FOLDER": safe})
    subprocess.run([*verify, safe], check=True)


@pytest.mark.parametrize("name", ["cifar10", "one channel, heads of 8", "scale_shift"])
def test_operations_are_those_that_pytorch_counts(name, spool, tmp_path):
    from diffusers.models.attention_processor import AttnProcessor
    from torch.utils.flop_counter import FlopCounterMode
    model = Model(name, tmp_path)
    for module in model.unet.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(AttnProcessor())
    with FlopCounterMode(display=False) as counter:
        model(model.noise[:1], 1)
    report = json.loads(spool.ctl("model", "show", "--json", str(tmp_path)))
    assert report["forward_flop"] == counter.get_total_flops()


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
