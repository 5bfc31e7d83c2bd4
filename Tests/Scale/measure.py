"""What a long queue costs: fills the queue of a real daemon to 100, 1,000 … jobs and measures at each
length what people and the machine notice. Prints a table; see docs/scale.md.

Run by `make measure-scale`. As root it works on an ext4 file system of its own, in an image file;
otherwise, or with --folder, in a folder. Nothing is computed: the jobs' worker is a script that
publishes empty results.
"""

import argparse
import contextlib
import json
import os
import pathlib
import secrets
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
WORKER = "#!/bin/sh\nmkdir \"$1/results\"\n"
JOB = {"schema": "ddpm.job/1", "kind": "train", "name": "", "seed": 0,
       "dataset": {"type": "idx", "path": "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"},
       "unet": {"preset": "fashion-mnist-28"}, "scheduler": {"preset": "fashion-mnist-28"},
       "optimizer": {"type": "adam", "learning_rate": 2e-4, "warmup_steps": 500},
       "training": {"batch_size": 64, "steps": 8000, "checkpoint_every": 500}}


@contextlib.contextmanager
def file_system(folder):
    """A folder to work in: below `folder`, or on a file system of its own."""
    with tempfile.TemporaryDirectory(dir=folder or "/var/tmp", prefix="ddpmd-scale-") as place:
        if folder or os.geteuid() != 0:
            yield pathlib.Path(place)
            return
        image, mount = place + "/image", pathlib.Path(place) / "mount"
        mount.mkdir()
        with open(image, "wb") as file:
            file.truncate(8 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-N", "2000000", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True)
        try:
            yield mount
        finally:
            subprocess.run(["umount", mount], check=True)


def wait_for(path):
    end = time.monotonic() + 120
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.0002)


class Daemon:
    """A ddpmd that serves `root`; `started` is how long it took to be ready, in seconds."""

    def __init__(self, programs, root):
        address = f"{root}/notify"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(address)
        ready.settimeout(600)
        worker = root / "worker"
        worker.write_text(WORKER)
        worker.chmod(0o755)
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [programs / "ddpmd", "--root", root, "--worker", worker],
            env=os.environ | {"NOTIFY_SOCKET": address}, stderr=open(root / "daemon.log", "a"))
        while b"READY=1" not in ready.recv(4096):
            pass
        self.started = time.monotonic() - begin
        # Nobody reads what it says further; it must not wait for that.
        ready.close()

    def memory(self, key):
        """Megabytes."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024 / 1e6

    def cost(self):
        """Milliseconds of processor time, and voluntary context switches."""
        with open(f"/proc/{self.process.pid}/schedstat") as file:
            used = int(file.read().split()[0]) / 1e6
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("voluntary_ctxt_switches:"):
                return used, int(line.split()[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)


class Bench:
    def __init__(self, programs, root, repetitions):
        self.programs, self.root, self.repetitions = programs, root, repetitions
        self.drop, self.lib = root / "spool/drop", root / "lib"
        self.count = 0
        self.daemon = Daemon(programs, root)
        self.ctl("pause")

    def ctl(self, *arguments):
        """Seconds that a ddpmctl takes."""
        begin = time.monotonic()
        subprocess.run([self.programs / "ddpmctl", *arguments], check=True,
                       env=os.environ | {"DDPM_ROOT": str(self.root)},
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begin

    def job(self):
        self.count += 1
        return json.dumps(JOB | {"name": f"sweep-{self.count:06}", "seed": self.count}, indent=2)

    def fill(self, size):
        """Jobs a second at which `size` jobs that come at once are in the queue."""
        staging = self.root / "staging"
        staging.mkdir()
        names = [f"job-{self.count + place}.json" for place in range(size)]
        for name in names:
            (staging / name).write_text(self.job())
        subprocess.run(["sync", "-f", staging], check=True)
        begin = time.monotonic()
        for name in names:
            os.rename(staging / name, self.drop / name)
        # Looking into folders of that size would hold up the daemon.
        while (self.drop / names[-1]).exists():
            time.sleep(0.02)
        while os.listdir(self.drop) or os.listdir(self.root / "spool/claim"):
            time.sleep(0.02)
        staging.rmdir()
        return size / (time.monotonic() - begin)

    def hand_in(self, text):
        """Puts a file into drop/ as ddpmctl does; seconds until it is decided on, and the answer."""
        token = secrets.token_hex(16)
        hidden, receipt = self.drop / f".{token}", self.lib / "receipts" / token
        hidden.write_text(text)
        begin = time.monotonic()
        os.rename(hidden, self.drop / f"submit-{token}.json")
        wait_for(receipt)
        return time.monotonic() - begin, receipt.read_text().strip()

    def cancel(self, job):
        """Seconds until a job is cancelled."""
        begin = time.monotonic()
        self.hand_in(json.dumps({"schema": "ddpm.command/1", "command": "cancel", "job": int(job)}))
        wait_for(self.lib / "queue/cancelled" / job)
        return time.monotonic() - begin

    def measure(self):
        figures = {}
        file = self.root / "one.json"
        samples = {name: [] for name in ["submit", "admitted", "show", "cancel", "cancelled"]}
        for _ in range(self.repetitions):
            took, job = self.hand_in(self.job())
            samples["admitted"].append(took)
            samples["cancelled"].append(self.cancel(job))
            file.write_text(self.job())
            samples["submit"].append(self.ctl("submit", file))
            job = max(os.listdir(self.lib / "jobs"), key=int)
            samples["show"].append(self.ctl("show", job))
            samples["cancel"].append(self.ctl("cancel", job))
        for name, values in samples.items():
            figures[name] = statistics.median(values) * 1000
        figures["list"] = statistics.median(self.ctl("list") for _ in range(3)) * 1000
        figures["memory"], figures["peak"] = self.daemon.memory("VmRSS"), self.daemon.memory("VmHWM")
        self.daemon.stop()
        self.daemon = Daemon(self.programs, self.root)
        figures["start"] = self.daemon.started * 1000
        figures["memory, started anew"] = self.daemon.memory("VmRSS")
        figures["peak, started anew"] = self.daemon.memory("VmHWM")
        time.sleep(35)
        begin = self.daemon.cost()
        time.sleep(30)
        end = self.daemon.cost()
        figures["idle"], figures["wakeups"] = end[0] - begin[0], end[1] - begin[1]
        figures |= self.run()
        return figures

    def run(self, seconds=5):
        """Lets jobs run for a while: how many a second, and what one costs the daemon."""
        done = self.lib / "queue/done"
        self.ctl("resume")
        (count, used), begin = (len(os.listdir(done)), self.daemon.cost()[0]), time.monotonic()
        time.sleep(seconds)
        ran, used = len(os.listdir(done)) - count, self.daemon.cost()[0] - used
        took = time.monotonic() - begin
        self.ctl("pause")
        return {"runs": ran / took, "cost of a run": used / max(ran, 1)}


ROWS = [
    ("rate", "jobs admitted a second, all dropped at once", "{:,.0f}"),
    ("admitted", "file in `drop/` → job admitted, ms", "{:.1f}"),
    ("submit", "`ddpmctl submit`, ms", "{:.0f}"),
    ("show", "`ddpmctl show JOB`, ms", "{:.0f}"),
    ("cancelled", "command in `drop/` → job cancelled, ms", "{:.1f}"),
    ("cancel", "`ddpmctl cancel JOB`, ms", "{:.0f}"),
    ("list", "`ddpmctl list`, ms", "{:,.0f}"),
    ("runs", "jobs run a second, one after the other, that do nothing", "{:.0f}"),
    ("cost of a run", "processor time of the daemon a job, ms", "{:.2f}"),
    ("start", "start of the daemon until it is ready, ms", "{:,.0f}"),
    ("memory", "memory of the daemon, MB", "{:.1f}"),
    ("peak", "its peak", "{:.1f}"),
    ("memory, started anew", "memory of the daemon started anew, MB", "{:.1f}"),
    ("peak, started anew", "its peak", "{:.1f}"),
    ("idle", "processor time of the daemon in 30 idle seconds, ms", "{:.2f}"),
    ("wakeups", "its wakeups in that time", "{:.0f}"),
]


def main():
    signal.signal(signal.SIGTERM, lambda *_: exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / ".build/release")
    parser.add_argument("--folder", help="work below this folder and not on a file system of its own")
    parser.add_argument("--lengths", default="100,1000,10000,100000", help="of the queue, rising")
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args()
    lengths = [int(length) for length in options.lengths.split(",")]
    columns = []
    with file_system(options.folder) as root:
        bench = Bench(options.programs.absolute(), root, options.repetitions)
        try:
            for length in lengths:
                missing = length - len(os.listdir(bench.lib / "queue/queued"))
                rate = bench.fill(missing)
                columns.append({"rate": rate} | bench.measure())
                print(length, columns[-1], flush=True)
        finally:
            bench.daemon.stop()
    print("\n| jobs queued | " + " | ".join(f"{length:,}" for length in lengths) + " |")
    print("|---|" + "---|" * len(lengths))
    for key, title, form in ROWS:
        print(f"| {title} | " + " | ".join(form.format(column[key]) for column in columns) + " |")


if __name__ == "__main__":
    main()
