"""Times PyTorch and diffusers where ddpm-bench times ddpmd: forward passes and whole training steps
(noising, forward, loss, backward, clipping, Adam, average) of the same U-Net.

Usage: peer_bench.py CONFIG.json BATCH THREADS REPEAT       prints one JSON object
"""

import json
import resource
import statistics
import sys
import time

import torch
from diffusers import DDPMScheduler, UNet2DModel

config, batch, threads, repeat = sys.argv[1], *map(int, sys.argv[2:5])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = UNet2DModel.from_config(json.load(open(config)))
scheduler = DDPMScheduler()
size, channels = model.config.sample_size, model.config.in_channels
x = torch.zeros(batch, channels, size, size)


def median(work):
    work()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def forward():
    with torch.no_grad():
        model(x, torch.full((batch,), 500))


def single():
    with torch.no_grad():
        model(x[:1], torch.full((1,), 500))


def trainer():
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    average = [p.detach().clone() for p in model.parameters()]

    def step():
        noise = torch.randn_like(x)
        t = torch.randint(0, 1000, (batch,))
        loss = torch.nn.functional.mse_loss(model(scheduler.add_noise(x, noise, t), t).sample, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        torch._foreach_lerp_(average, list(model.parameters()), 1e-4)

    return step


def best(work):
    """Of the two memory layouts, the faster one."""
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        global x
        model.to(memory_format=layout)
        x = x.to(memory_format=layout)
        results.append(median(work() if work is trainer else work))
    return 1 / min(results)


training, predicting, one = best(trainer), best(forward), best(single)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
with torch.autocast("cpu", dtype=torch.bfloat16):
    training16, predicting16 = best(trainer), best(forward)
print(json.dumps({
    "training_images_per_second": batch * training,
    "forward_images_per_second": batch * predicting, "single_images_per_second": one,
    "bfloat16_training_images_per_second": batch * training16,
    "bfloat16_forward_images_per_second": batch * predicting16,
    "peak_megabytes": peak,
    "torch": torch.__version__,
}))
