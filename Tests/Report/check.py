"""Runs jobs of every kind and ending, and looks at their reports in headless Chromium: nothing is
requested, nothing is logged, every image decodes, nothing that a user wrote becomes markup.

Run by `make test-report`. The pages and their screenshots, light and dark, are left in
.build/report to be looked at.
"""

import base64
import json
import os
import pathlib
import subprocess
import tempfile
import time

from browser import Browser

ROOT = pathlib.Path(__file__).parents[2]
BIN = pathlib.Path(os.environ.get("DDPM_BIN", ROOT / ".build/debug")).absolute()
OUTPUT = ROOT / ".build/report"
DATA = "/usr/share/datasets/fashion-mnist/"
HOSTILE = "</pre><script>document.title='owned'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>"

UNET = {"sample_size": 28, "in_channels": 1, "out_channels": 1, "block_out_channels": [8, 16],
        "down_block_types": ["DownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "UpBlock2D"], "layers_per_block": 1, "norm_num_groups": 4,
        "add_attention": False, "attention_head_dim": None}
IMAGES = {"type": "idx", "path": DATA + "train-images-idx3-ubyte.gz", "limit": 200}


def train(name, steps, **changes):
    return {"kind": "train", "name": name, "dataset": IMAGES, "unet": UNET,
            "scheduler": {"num_train_timesteps": 20}, "holdout": {"images": 16, "bank": 16},
            "training": {"batch_size": 8, "steps": steps, "preview_every": 10}} | changes


JOBS = [
    train("trained", 40),
    {"kind": "sample", "name": "drawn", "model": {"job": 1}, "count": 4,
     "sampler": {"type": "ddim", "steps": 5}},
    {"kind": "evaluate", "name": "measured", "model": {"job": 1}, "timesteps": 5,
     "dataset": IMAGES, "budget": {"images": 6}},
    train("hostile", 10, dataset=IMAGES | {
        "labels": True, "path": "/tmp/" + HOSTILE,
        "class_names": [HOSTILE] + list("abcdefghi")}),
    train("going", 1_000_000),
    train("waiting", 10),
]
# What each page shows: charts, pictures at least, and words.
SHOWN = {
    "trained": (6, 4, ["done", "held-out loss, best", "NLL of ema", "Timings"]),
    "drawn": (0, 1, ["grid.png", "Environment"]),
    "measured": (2, 0, ["L_0, decoder", "All 10 terms"]),
    "hostile": (0, 0, ["failed", HOSTILE, "Log"]),
    "going": (4, 0, ["running", "under way"]),
    "waiting": (0, 0, ["queued", "Configuration"]),
}


class Spool:
    def __init__(self, root):
        self.root = root
        self.log = open(root / "ddpmd.log", "w")
        self.daemon = subprocess.Popen([BIN / "ddpmd", "--root", root], stderr=self.log)
        while "serving" not in (root / "ddpmd.log").read_text():
            assert self.daemon.poll() is None
            time.sleep(0.05)

    def ctl(self, *words):
        return subprocess.run(
            [BIN / "ddpmctl", "--root", self.root, *words], check=True, text=True,
            stdout=subprocess.PIPE).stdout

    def submit(self, job):
        file = self.root / "job.json"
        file.write_text(json.dumps({"schema": "ddpm.job/1", "seed": 1} | job))
        self.ctl("submit", str(file))

    def wait(self, name, states, steps=0):
        while True:
            job = json.loads(self.ctl("show", name, "--json"))
            if job["state"] in states and (job["progress"] or {}).get("step", 0) >= steps:
                return
            assert job["state"] in ["queued", "running", "deferred"], job
            time.sleep(0.2)


def check(browser, page, name):
    charts, pictures, words = SHOWN[name]
    browser.open(page.as_uri())
    text = browser.evaluate("document.body.innerText")
    for word in words:
        assert word in text, (name, word, text)
    assert browser.evaluate("document.title").endswith(")"), name
    assert browser.evaluate("document.scripts.length") == 0, name
    assert browser.evaluate("document.querySelectorAll('svg.plot').length") == charts, name
    assert browser.evaluate("document.querySelectorAll('polyline').length") >= charts, name
    assert browser.evaluate("document.images.length") >= pictures, name
    assert browser.evaluate(
        "[...document.images].every(i => i.complete && i.naturalWidth > 0)"), name
    # What a reader cannot scroll to does not exist.
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    for method, event in browser.events:
        if method == "Network.requestWillBeSent":
            url = event["request"]["url"]
            assert url == page.as_uri() or url.startswith("data:"), url
        assert method not in ["Runtime.exceptionThrown", "Runtime.consoleAPICalled",
                              "Log.entryAdded"], event
    for scheme in ["light", "dark"]:
        browser.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}])
        picture = browser.call("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": browser.evaluate("innerWidth"), "scale": 1,
            "height": browser.evaluate("document.documentElement.scrollHeight")})
        (OUTPUT / f"{name}-{scheme}.png").write_bytes(base64.b64decode(picture["data"]))


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(pathlib.Path(folder))
        try:
            for job in JOBS:
                spool.submit(job)
            for name in ["trained", "drawn", "measured"]:
                spool.wait(name, ["done"])
            spool.wait("hostile", ["failed"])
            spool.wait("going", ["running"], steps=12)
            browser = Browser()
            try:
                for name in SHOWN:
                    page = OUTPUT / f"{name}.html"
                    spool.ctl("report", name, "-o", str(page))
                    check(browser, page, name)
            finally:
                browser.close()
        finally:
            spool.daemon.terminate()
            spool.daemon.wait()
    print(f"the reports are sound; screenshots are in {OUTPUT}")


main()
