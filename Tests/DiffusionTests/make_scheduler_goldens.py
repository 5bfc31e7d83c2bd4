"""Writes SchedulerGoldens.swift: what diffusers' schedulers do with given predictions and noise.

    python make_scheduler_goldens.py > SchedulerGoldens.swift     (diffusers 0.42.1, torch, CPU)

The schedulers' own `step` runs in float64, with their tables recomputed from their own betas in
float64 (diffusers keeps them in float32, which alone costs up to 1e-4). Predictions and noise
follow formulas that are exact in float32, so that only results need to be stored.
"""

import json
import math

import numpy as np
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler,
                       HeunDiscreteScheduler)
from diffusers.schedulers import scheduling_ddpm

ELEMENTS = 4


def image(f):
    return torch.tensor([f(i) for i in range(ELEMENTS)], dtype=torch.float64).reshape(1, 1, 2, 2)


def prediction(position):
    return image(lambda i: ((7 * position + 3 * i) % 11) / 4 - 1.25)


def variance(position):
    return image(lambda i: ((3 * position + 5 * i) % 7) / 4 - 0.75)


def noise(position):
    return image(lambda i: ((5 * position + 2 * i) % 13) / 8 - 0.75)


def betas(config):
    count, start, end = (config[k] for k in ("num_train_timesteps", "beta_start", "beta_end"))
    if config.get("trained_betas"):
        result = torch.tensor(config["trained_betas"], dtype=torch.float64)
    elif config["beta_schedule"] == "linear":
        result = torch.linspace(start, end, count, dtype=torch.float64)
    elif config["beta_schedule"] == "squaredcos_cap_v2":
        def alpha_bar(t):
            return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
        result = torch.tensor([min(1 - alpha_bar((i + 1) / count) / alpha_bar(i / count), 0.999)
                               for i in range(count)], dtype=torch.float64)
    if config.get("rescale_betas_zero_snr"):
        result = scheduling_ddpm.rescale_zero_terminal_snr(result)
    return result


def in_float64(kind, config):
    scheduler = kind(**config)
    scheduler.betas = betas(config)
    scheduler.alphas = 1 - scheduler.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, dim=0)
    if kind is DDIMScheduler and not config.get("set_alpha_to_one", True):
        scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]
    if kind is DPMSolverMultistepScheduler and config.get("rescale_betas_zero_snr"):
        scheduler.alphas_cumprod[-1] = 2**-24
    return scheduler


def sigmas(scheduler, timesteps):
    alpha_bar = scheduler.alphas_cumprod[torch.as_tensor(timesteps).long()]
    return torch.cat([((1 - alpha_bar) / alpha_bar) ** 0.5, torch.zeros(1, dtype=torch.float64)])


def swift(values):
    return "[" + ", ".join(repr(float(v)) for v in values) + "]"


def ancestral(config, steps):
    scheduler = in_float64(DDPMScheduler, config)
    scheduler.set_timesteps(steps or config["num_train_timesteps"])
    x = noise(12345)
    for position, t in enumerate(scheduler.timesteps):
        output = prediction(position)
        if config.get("variance_type") == "learned_range":
            output = torch.cat([output, variance(position)], dim=1)
        scheduling_ddpm.randn_tensor = lambda *a, **k: noise(position)
        x = scheduler.step(output, int(t), x).prev_sample
        yield int(t), x


def ddim(config, steps, eta=0.0):
    scheduler = in_float64(DDIMScheduler, config)
    scheduler.set_timesteps(steps)
    x = noise(12345)
    for position, t in enumerate(scheduler.timesteps):
        x = scheduler.step(prediction(position), int(t), x, eta=eta,
                           variance_noise=noise(position) if eta > 0 else None).prev_sample
        yield int(t), x


def dpm_solver(config, steps, order=2, solver="midpoint"):
    scheduler = in_float64(DPMSolverMultistepScheduler,
                           dict(config, solver_order=order, solver_type=solver))
    scheduler.set_timesteps(steps)
    scheduler.sigmas = sigmas(scheduler, scheduler.timesteps)
    x = noise(12345)
    for position, t in enumerate(scheduler.timesteps):
        x = scheduler.step(prediction(position), t, x).prev_sample
        yield int(t), x


def heun(config, steps):
    """diffusers' walks over y = x/sqrt(alpha_bar), between whole timesteps if told these."""
    scheduler = in_float64(HeunDiscreteScheduler, config)
    scheduler.set_timesteps(steps)
    scheduler.set_timesteps(timesteps=[round(t) for t in
                                       dict.fromkeys(scheduler.timesteps.tolist())])
    ends = sigmas(scheduler, list(dict.fromkeys(scheduler.timesteps.tolist())))
    scheduler.sigmas = torch.cat([ends[:1], ends[1:-1].repeat_interleave(2), ends[-1:]])
    y = noise(12345) * (ends[0] ** 2 + 1) ** 0.5
    for position, t in enumerate(scheduler.timesteps):
        y = scheduler.step(prediction(position), t, y).prev_sample
        end = ends[(position + 1) // 2 + (position + 1) % 2]
        yield int(t), y / (end**2 + 1) ** 0.5


def chain(config, method, steps=None, **arguments):
    base = dict(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear",
                timestep_spacing="leading")
    base.update(config)
    states = list(method(base, steps, **arguments))
    kept = {0, len(states) // 2, len(states) - 2, len(states) - 1}
    name = dict(ancestral="ddpm", ddim="ddim", dpm_solver="dpm", heun="heun")[method.__name__]
    config = json.dumps(base)
    print(f"""  ChainGolden(
    config: #"{config}"#,
    sampler: .{name}({", ".join(f"{k}: {json.dumps(v)}" for k, v in
                                dict(steps=steps, **arguments).items() if v is not None)}),
    timesteps: {[t for t, _ in states[:3]]},
    states: [""")
    for position, (_, x) in enumerate(states):
        if position in kept:
            print(f"      {position}: {swift(x.flatten())},")
    print("    ]),")


print("""// Generated by make_scheduler_goldens.py with diffusers; do not edit.

// swift-format-ignore-file

/// The states of one chain after the step at some positions.
struct ChainGolden: Sendable {
  enum Sampler: Sendable {
    case ddpm(steps: Int? = nil)
    case ddim(steps: Int, eta: Double = 0)
    case dpm(steps: Int, order: Int = 2, solver: String = "midpoint")
    case heun(steps: Int)
  }
  /// diffusers' keys.
  var config: String
  var sampler: Sampler
  /// The first three.
  var timesteps: [Int]
  var states: [Int: [Double]]
}

/// β and ᾱ of a whole schedule at some t, as diffusers has them in float32.
struct ScheduleGolden: Sendable {
  /// diffusers' keys.
  var config: String
  var t: [Int]
  var beta: [Double]
  var alphaBar: [Double]
}

let chainGoldens = [""")
PREDICTIONS = ("epsilon", "sample", "v_prediction")
SPACINGS = ("leading", "linspace", "trailing")
THRESHOLDING = dict(thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=1.25)
ZERO_SNR = dict(rescale_betas_zero_snr=True, timestep_spacing="trailing")

for variance_type in ("fixed_small", "fixed_large"):
    for clip in (True, False):
        chain(dict(variance_type=variance_type, clip_sample=clip), ancestral)
chain(dict(num_train_timesteps=20, clip_sample_range=0.5), ancestral)
for spacing in SPACINGS:
    chain(dict(timestep_spacing=spacing, clip_sample=False), ancestral, 7)
chain(dict(variance_type="fixed_large"), ancestral, 50)
for type in ("sample", "v_prediction"):
    chain(dict(prediction_type=type, num_train_timesteps=50), ancestral)
    chain(dict(prediction_type=type, timestep_spacing="linspace", clip_sample=False), ancestral, 10)
    chain(dict(ZERO_SNR, prediction_type=type), ancestral, 8)
chain(dict(THRESHOLDING), ancestral, 10)
chain(dict(variance_type="learned_range", num_train_timesteps=20, beta_end=0.3), ancestral)
chain(dict(variance_type="learned_range", timestep_spacing="linspace", clip_sample=False),
      ancestral, 10)
chain(dict(num_train_timesteps=4, trained_betas=[0.1, 0.4, 0.2, 0.6], beta_start=0.5), ancestral)

for steps, eta in ((50, 0.0), (50, 1.0), (7, 0.5), (1000, 0.0)):
    for clip in (True, False):
        chain(dict(clip_sample=clip), ddim, steps, eta=eta)
chain(dict(num_train_timesteps=25), ddim, 8, eta=0.3)
for type in PREDICTIONS:
    for spacing in SPACINGS:
        chain(dict(prediction_type=type, timestep_spacing=spacing), ddim, 7, eta=0.5)
for type in ("sample", "v_prediction"):
    chain(dict(ZERO_SNR, prediction_type=type), ddim, 10)
chain(dict(steps_offset=1, set_alpha_to_one=False, clip_sample=False), ddim, 10, eta=0.2)
chain(dict(THRESHOLDING, beta_schedule="squaredcos_cap_v2"), ddim, 10)

for type in PREDICTIONS:
    for spacing in SPACINGS:
        chain(dict(prediction_type=type, timestep_spacing=spacing), dpm_solver, 6)
for order in (1, 2):
    for solver in ("midpoint", "heun"):
        chain({}, dpm_solver, 20, order=order, solver=solver)
chain(dict(THRESHOLDING, timestep_spacing="linspace"), dpm_solver, 5)
chain(dict(steps_offset=1), dpm_solver, 1)
for type in ("sample", "v_prediction"):
    chain(dict(ZERO_SNR, prediction_type=type), dpm_solver, 6)

for type in PREDICTIONS:
    for spacing in SPACINGS:
        chain(dict(prediction_type=type, timestep_spacing=spacing,
                   clip_sample=spacing == "leading"), heun, 6)
chain(dict(steps_offset=1), heun, 20)
chain({}, heun, 1)

print("]\n\nlet scheduleGoldens = [")
for config in (
        dict(beta_schedule="linear"),
        dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
        dict(beta_schedule="squaredcos_cap_v2"), dict(beta_schedule="sigmoid"),
        dict(beta_schedule="linear", num_train_timesteps=4000, beta_end=0.005),
        dict(trained_betas=[0.01 * (i % 9 + 1) for i in range(30)], num_train_timesteps=30),
        dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
             rescale_betas_zero_snr=True, prediction_type="v_prediction")):
    scheduler = DDPMScheduler(**config)
    count = len(scheduler.betas)
    ts = [1, 2, 10, count // 2, count - 1, count]
    print(f"""  ScheduleGolden(
    config: #"{json.dumps(config)}"#,
    t: {ts},
    beta: {swift(scheduler.betas[t - 1] for t in ts)},
    alphaBar: {swift(scheduler.alphas_cumprod[t - 1] for t in ts)}),""")
print("]")
