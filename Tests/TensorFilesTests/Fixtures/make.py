"""Makes the files of the TensorFiles tests with NumPy, PyTorch and the safetensors library.

    python make.py

Expected values are simple formulas of the index, so that the tests know them: element i of the
tensor number k is (i - 2) * 2**-k, which every type here holds exactly.
"""

import pathlib

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

HERE = pathlib.Path(__file__).parent


def values(k, shape):
    count = int(np.prod(shape))
    return ((np.arange(count) - 2) * 2.0**-k).astype(np.float32).reshape(shape)


# As diffusers writes a model.
safetensors.numpy.save_file(
    {"conv.weight": values(0, (4, 3, 2, 2)), "conv.bias": values(1, (4,)), "a": values(2, ()),
     "empty": values(3, (0, 5))},
    HERE / "float32.safetensors",
    metadata={"format": "pt"},
)

safetensors.torch.save_file(
    {"half": torch.from_numpy(values(0, (5,))).half(),
     "brain": torch.from_numpy(values(1, (3, 3))).bfloat16(),
     "integers": torch.arange(2)},
    HERE / "mixed.safetensors",
)

np.save(HERE / "float32.npy", values(1, (2, 3, 4)))
np.save(HERE / "vector.npy", values(0, (7,)))
np.save(HERE / "uint8.npy", np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5))
np.save(HERE / "fortran.npy", np.asfortranarray(values(0, (2, 3))))
np.save(HERE / "float64.npy", np.zeros((2, 2)))
with open(HERE / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, values(2, (3, 2)), version=(2, 0))
