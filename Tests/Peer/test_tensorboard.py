"""TensorBoard reads what a train job writes for it: the numbers of metrics.jsonl and heldout.jsonl, and
the previews.

Run by `make test-peer`.
"""

import json
import pathlib

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from test_peer import IMAGES, Spool


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_tensorboard_reads_the_same_numbers(tmp_path):
    spool = Spool(tmp_path)
    try:
        results = spool.run({
            "kind": "train", "name": "shirts",
            "dataset": {"type": "idx", "path": IMAGES, "limit": 99},
            "unet": {"preset": "fashion-mnist-28", "block_out_channels": [16, 32, 32]},
            "scheduler": {"num_train_timesteps": 20}, "holdout": {"images": 9, "bank": 9},
            "training": {"batch_size": 4, "steps": 20, "preview_every": 10},
        })
    finally:
        spool.daemon.terminate()
        assert spool.daemon.wait() == 0
    folder = results.parent / "tensorboard" / "shirts"
    [file] = folder.iterdir()

    events = list(EventFileLoader(str(file)).Load())
    assert events[0].file_version == "brain.Event:2"
    assert all(a.wall_time <= b.wall_time for a, b in zip(events, events[1:]))

    run = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    run.Reload()
    for series, name, keys in [
            ("train", "metrics", ["loss", "gradient_norm", "learning_rate", "images_per_second"]),
            ("held_out", "heldout", ["ema", "raw"])]:
        wanted = lines(results.parent / f"{name}.jsonl")
        for key in keys:
            tag = f"{series}/{key}"
            tensors = run.Tensors(tag) if tag in run.Tags()["tensors"] else None
            found = ([(e.step, e.tensor_proto.float_val[0]) for e in tensors] if tensors
                     else [(e.step, e.value) for e in run.Scalars(tag)])
            assert found == [(line["step"], np.float32(line[key])) for line in wanted], tag

    images = [value.tensor.string_val for event in events for value in event.summary.value
              if value.tag == "previews/samples"]
    pictures = sorted((results / "previews").iterdir())
    assert len(images) == len(pictures) == 2
    for (width, height, png), picture in zip(images, pictures):
        assert png == picture.read_bytes()
        assert int(width) == int.from_bytes(png[16:20]) and int(height) == int.from_bytes(png[20:24])
