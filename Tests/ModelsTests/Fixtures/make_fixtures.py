"""Writes the golden U-Nets that GoldenUNetTests compares with: for each configuration, diffusers'
config.json, and a safetensors file of weights, an input, its output, and the gradients of
sum(output * output_gradient) computed by PyTorch's autograd in float64.

Run:  python make_fixtures.py      (needs torch, diffusers, safetensors)
"""

import pathlib

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

BASE = dict(
    sample_size=8, in_channels=1, out_channels=1, block_out_channels=[4, 8], layers_per_block=1,
    down_block_types=["DownBlock2D", "AttnDownBlock2D"],
    up_block_types=["AttnUpBlock2D", "UpBlock2D"], norm_num_groups=2, attention_head_dim=4,
)
CONFIGS = {
    "plain": BASE,
    "scale-shift": BASE | dict(
        resnet_time_scale_shift="scale_shift", in_channels=3, out_channels=3,
        mid_block_scale_factor=1.5, norm_eps=1e-6),
    "one-head": BASE | dict(
        attention_head_dim=None, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
        center_input_sample=True),
    "deep": BASE | dict(
        sample_size=12, in_channels=2, out_channels=4, block_out_channels=[4, 4, 8],
        layers_per_block=2, add_attention=False, attention_head_dim=2,
        down_block_types=["AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "UpBlock2D", "AttnUpBlock2D"]),
    # Channels and tiles enough for the kernels that only wide convolutions use.
    "wide": BASE | dict(
        sample_size=16, block_out_channels=[16], norm_num_groups=4, attention_head_dim=8,
        down_block_types=["AttnDownBlock2D"], up_block_types=["UpBlock2D"]),
    "classes": BASE | dict(num_class_embeds=5),
}

folder = pathlib.Path(__file__).parent
for index, (name, config) in enumerate(CONFIGS.items()):
    torch.manual_seed(index)
    model = UNet2DModel(**config).eval()
    for parameter in model.parameters():
        # GroupNorm's ones and zeros would hide a mistake.
        parameter.data += 0.1 * torch.randn_like(parameter)
    weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
    x = torch.randn(3, config["in_channels"], config["sample_size"], config["sample_size"])
    timesteps = torch.tensor([0, 17, 999])
    # One class twice: its gradients add up.
    labels = torch.tensor([3, 0, 3]) if "num_class_embeds" in config else None
    # The timestep's sinusoids are float32 in diffusers whatever the model's type is.
    model = model.double()
    output = model(x.double(), timesteps, class_labels=labels).sample
    output_gradient = torch.randn(output.shape)
    output.backward(output_gradient.double())
    tensors = {"weight." + k: v for k, v in weights.items()}
    tensors |= {"gradient." + k: v.grad.float() for k, v in model.named_parameters()}
    tensors |= {"x": x, "timesteps": timesteps.float(), "output": output.detach().float(),
                "output_gradient": output_gradient}
    if labels is not None:
        tensors["labels"] = labels.float()
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(model.to_json_string())
    print(name, sum(v.numel() for v in weights.values()), "parameters")
