# The service in the machine, as its administrator and its users see it.

property() { inside systemctl show --property="$1" --value ddpmd; }

status_text() { property StatusText; }

is_idle() { [ "$(status_text)" = idle ]; }

is_active() { inside systemctl --quiet is-active ddpmd; }

daemon() { property MainPID; }

# What the journal has of the daemon, with all that was said so far.
journal() {
  inside journalctl --sync
  inside journalctl --unit=ddpmd --no-pager "$@"
}

# The process at work on job $1.
worker() { cat "$root/var/lib/ddpmd/jobs/$1/lock"; }

# signal NAME PROCESS
signal() { inside sh -c 'kill -s "$1" "$2"' sh "$@"; }

# set_up UNIT-SETTINGS...: lines of [Service] in a drop-in that replaces the one before. The service may be
# restarted as often as checks do on a quick machine.
set_up() {
  mkdir -p "$root/etc/systemd/system/ddpmd.service.d"
  printf '%s\n' '[Unit]' StartLimitIntervalSec=0 '[Service]' "$@" \
    >"$root/etc/systemd/system/ddpmd.service.d/test.conf"
  inside systemctl daemon-reload
}

# configure SETTINGS...: lines of /etc/ddpmd.conf, in force when this returns.
configure() {
  printf '%s\n' "$@" >"$root/etc/ddpmd.conf"
  inside systemctl reload ddpmd
}

# The state of job $1.
state() { (cd "$root/var/lib/ddpmd/queue" && echo */"$1" | sed 's|/.*||'); }

is_in() { [ "$(state "$1")" = "$2" ]; }

# The step that job $1 has reached, as its worker said last.
reached() {
  sed -n 's/.*"step": *\([0-9]*\).*/\1/p' "$root/var/lib/ddpmd/jobs/$1/progress.json"
}

is_beyond() { [ "$(reached "$1")" -gt "$2" ]; }

# How often job $1 was continued from a checkpoint.
continued() { grep -c 'continues after step' "$root/var/lib/ddpmd/jobs/$1/log" || true; }

was_continued() { [ "$(continued "$1")" -gt "$2" ]; }

# The name of job $1's newest checkpoint: step-000000042.
newest_checkpoint() { (cd "$root/var/lib/ddpmd/jobs/$1/checkpoints" && basename -s .json -- *.json) | sort | tail -n 1; }

# order COMMAND...: what anna tells the daemon.
order() { as anna ddpmctl "$@" 2>"$root/srv/order.log" || fail "$(<"$root/srv/order.log")"; }

hold() {
  order hold "$1"
  await "job $1 is held" is_in "$1" held
}

# goes_on JOB COMMAND...: has a job that is held come on, does what interrupts it, waits until it has
# come further than it was, and holds it again: a job that runs from check to check would be over at
# some time.
goes_on() {
  local job=$1 step times
  shift
  step=$(reached "$job")
  order release "$job"
  await "job $job trains" is_beyond "$job" $((step + 20))
  times=$(continued "$job")
  "$@"
  await "job $job is continued from a checkpoint" was_continued "$job" "$times"
  step=$(reached "$job")
  await "job $job comes further than it was" is_beyond "$job" "$step"
  hold "$job"
}

weights() { sha256sum <"$root/var/lib/ddpmd/jobs/$1/results/unet/diffusion_pytorch_model.safetensors"; }

# submit USER JSON [OPTION...]: prints the job's number.
submit() {
  local user=$1 json=$2
  shift 2
  echo "$json" >"$root/srv/job.json"
  chmod 644 "$root/srv/job.json"
  as "$user" ddpmctl submit "$@" /srv/job.json 2>"$root/srv/submit.log"
}

# train NAME STEPS DATASET: a job of a network that takes a few milliseconds a step.
train() {
  cat <<JSON
{ "schema": "ddpm.job/1", "kind": "train", "name": "$1", "seed": 5,
  "dataset": { "type": "idx", "path": "$3", "horizontal_flip": true },
  "unet": { "sample_size": 16, "in_channels": 1, "out_channels": 1, "block_out_channels": [16, 32],
            "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 8, "dropout": 0.1,
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "UpBlock2D"] },
  "scheduler": { "num_train_timesteps": 100 },
  "training": { "batch_size": 16, "steps": $2, "checkpoint_every": 10 } }
JSON
}

# make_images FILE: 64 images of 16×16 that show nothing, as an IDX file that everybody may read.
make_images() {
  mkdir -p "$(dirname "$root$1")"
  {
    printf '\0\0\010\003\0\0\0\100\0\0\0\020\0\0\0\020'
    head -c 16384 "$root/usr/lib/os-release" "$root/usr/bin/bash" | tail -c 16384
  } >"$root$1"
}
