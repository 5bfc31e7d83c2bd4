# What docs/administration.md says of the service, check by check, in an order that the checks rely
# on: jobs 1 and 2 are one training, through all that can happen to it and undisturbed.
#
# None relies on how fast the machine is: what has to run meanwhile has more steps than anybody waits
# for, and what has to come is waited for.

endless=1000000
checks=(
  installing_starts_the_service
  the_sandbox_is_tight
  outsiders_are_refused
  a_job_is_seen_in_the_status
  a_job_goes_on_after_a_restart
  a_job_goes_on_after_the_daemon_was_killed
  a_job_goes_on_after_its_worker_was_killed
  a_hung_worker_is_replaced
  a_hung_daemon_is_replaced
  a_job_goes_on_after_a_reboot
  a_job_goes_on_after_a_power_cut
  a_job_goes_on_after_an_upgrade
  nothing_of_that_changed_a_bit
  the_journal_tells_a_jobs_life
  metrics_are_answered
  metrics_are_written_for_node_exporter
  all_kinds_of_jobs_work_in_the_sandbox
  data_are_where_the_service_may_look
  results_can_be_the_groups_alone
  root_does_not_serve_the_services_spool
  a_stopping_daemon_gets_the_time_it_asks_for
  a_wrong_configuration_is_said_and_not_tried_again
  removing_leaves_the_data
  purging_removes_them
  it_runs_without_a_package
)

installing_starts_the_service() {
  cp "$package" "$root/root/ddpmd.deb"
  inside dpkg --install /root/ddpmd.deb >"$root/root/dpkg.log" 2>&1 || fail "$(<"$root/root/dpkg.log")"
  is_active
  inside systemctl --quiet is-enabled ddpmd
  await "the daemon says that it is idle" is_idle
  [ "$(inside stat -c '%a %U:%G' /var/spool/ddpmd/drop)" = "1730 ddpmd:ddpm" ]
  [ "$(inside stat -c '%a %U:%G' /var/lib/ddpmd)" = "755 ddpmd:ddpm" ]
  grep -q '/etc/ddpmd.conf' "$root/var/lib/dpkg/info/ddpmd.conffiles"
  local file
  for file in man/man1/ddpmctl.1.gz man/man5/ddpmd-job.5.gz man/man5/ddpmd.conf.5.gz man/man8/ddpmd.8.gz \
    bash-completion/completions/ddpmctl zsh/vendor-completions/_ddpmctl \
    fish/vendor_completions.d/ddpmctl.fish ddpmd/job.schema.json doc/ddpmd/examples/fine-tune.json; do
    [ -s "$root/usr/share/$file" ] || fail "/usr/share/$file is not installed"
  done
  inside useradd --create-home --groups ddpm anna
  inside useradd --create-home bert
  make_images /srv/images.idx
}

the_sandbox_is_tight() {
  local exposure
  exposure=$(inside systemd-analyze security --no-pager ddpmd | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
  awk -v "exposure=$exposure" 'BEGIN { exit !(exposure != "" && exposure <= 0.5) }' ||
    fail "the exposure is ${exposure:-not known}, and should be 0.5 or less"
  inside systemd-analyze verify --man=no ddpmd.service >"$root/root/verify.log" 2>&1 ||
    fail "$(<"$root/root/verify.log")"
  ! grep ddpmd "$root/root/verify.log" || fail "systemd finds fault with the unit"
}

outsiders_are_refused() {
  ! submit bert "$(train intruder 1 /srv/images.idx)" || fail "bert, not in the group ddpm, may submit"
  grep -q 'only members of the group ddpm may' "$root/srv/submit.log" || fail "$(<"$root/srv/submit.log")"
  ! as bert cp /srv/job.json /var/spool/ddpmd/drop/ 2>/dev/null || fail "bert may write into drop/"
  ! as anna ls /var/spool/ddpmd/drop 2>/dev/null || fail "anna sees what others submit"
  ! as anna ddpmctl reload 2>/dev/null || fail "anna may reload the daemon"
}

a_job_is_seen_in_the_status() {
  [ "$(submit anna "$(train disturbed $endless /srv/images.idx)")" = 1 ]
  await "the job's progress is shown" shows_progress
  hold 1
  await "the daemon says that it waits" waits
}
waits() { [ "$(status_text)" = "1 held" ]; }
shows_progress() {
  inside systemctl status --no-pager ddpmd |
    grep "Status: \"train disturbed (job 1) step [0-9]*/$endless, loss [0-9.]*" >/dev/null
}

a_job_goes_on_after_a_restart() { goes_on 1 inside systemctl restart ddpmd; }

a_job_goes_on_after_the_daemon_was_killed() {
  set_up RestartSec=100ms
  goes_on 1 signal_daemon KILL
}
signal_daemon() { signal "$1" "$(daemon)"; }

a_job_goes_on_after_its_worker_was_killed() { goes_on 1 signal_worker KILL 1; }
signal_worker() { signal "$1" "$(worker "$2")"; }

# On a machine that is busy a worker may wait for a second or two until it gets a processor.
a_hung_worker_is_replaced() {
  configure 'worker_timeout = 4 s' 'stop_grace = 4 s'
  goes_on 1 signal_worker STOP 1
  grep -q '"crashed".*it had hung' "$root/var/lib/ddpmd/jobs/1/events.jsonl"
  configure
}

a_hung_daemon_is_replaced() {
  set_up RestartSec=100ms WatchdogSec=8s
  inside systemctl restart ddpmd
  goes_on 1 signal_daemon STOP
  [ "$(property NRestarts)" -ge 1 ]
  set_up
}

a_job_goes_on_after_a_reboot() { goes_on 1 reboot; }
reboot() {
  shut_down
  boot
}

a_job_goes_on_after_a_power_cut() { goes_on 1 restore_power; }
restore_power() {
  cut_power
  boot
}

# The same programs, called newer.
a_job_goes_on_after_an_upgrade() {
  local new=$root/root/new
  dpkg-deb --raw-extract "$package" "$new"
  sed -i 's/^Version: .*/&+test/' "$new/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone --build "$new" "$root/root/newer.deb" >/dev/null
  goes_on 1 inside dpkg --install /root/newer.deb >/dev/null
  is_active
  rm -rf "$new"
}

nothing_of_that_changed_a_bit() {
  local checkpoint steps
  checkpoint=$(newest_checkpoint 1)
  steps=$((10#${checkpoint#step-}))
  [ "$(submit anna "$(train undisturbed "$steps" /srv/images.idx)")" = 2 ]
  await "job 2 is done" is_in 2 done
  (cd "$root/var/lib/ddpmd/jobs" && cmp {1,2}/checkpoints/"$checkpoint".safetensors) ||
    fail "the disturbed training has another state after step $steps"
  order cancel 1
}

the_journal_tells_a_jobs_life() {
  local life
  life=$(journal --output=json JOB_ID=2 |
    sed -n 's/.*"STATE" *: *"\([a-z]*\)".*/\1/p' | paste -sd' ')
  [ "$life" = "queued running done" ] || fail "the journal says of job 2: $life"
  journal --catalog JOB_NAME=undisturbed STATE=done |
    grep 'Its results are published, whole' >/dev/null
}

metrics_are_answered() {
  configure 'metrics_socket = /run/ddpmd/metrics'
  as bert perl -MIO::Socket::UNIX -e '
    my $socket = IO::Socket::UNIX->new("/run/ddpmd/metrics") or die "no socket: $!";
    print $socket "GET /metrics HTTP/1.0\r\n\r\n";
    print while <$socket>' >"$root/srv/metrics"
  grep -q '^ddpmd_jobs{state="done"} [1-9]' "$root/srv/metrics" || fail "$(<"$root/srv/metrics")"
  configure
}

metrics_are_written_for_node_exporter() {
  local folder=/var/lib/prometheus/node-exporter
  inside mkdir -p $folder
  set_up ReadWritePaths=-$folder
  inside setfacl -m u:ddpmd:rwx $folder
  echo "metrics_file = $folder/ddpmd.prom" >"$root/etc/ddpmd.conf"
  inside systemctl restart ddpmd
  await "the metrics are written" are_written $folder
  set_up ReadWritePaths=-$folder UMask=0027
  inside setfacl -d -m u:bert:r $folder
  inside systemctl restart ddpmd
  await "the metrics are written where results are the group's alone" are_written $folder
  configure
  [ -z "$(inside ls -A $folder)" ]
  set_up
  inside systemctl restart ddpmd
}

are_written() { as bert grep -q '^ddpmd_jobs{state="done"} [1-9]' "$1/ddpmd.prom"; }

all_kinds_of_jobs_work_in_the_sandbox() {
  submit anna '{ "schema": "ddpm.job/1", "kind": "sample", "name": "samples", "model": { "job": 2 },
    "count": 4, "queue": { "memory_limit": "2 GiB" }, "sampler": { "type": "ddim", "steps": 4 },
    "output": { "formats": ["png", "npy", "grid"] } }' --wait >/dev/null
  submit anna '{ "schema": "ddpm.job/1", "kind": "evaluate", "name": "likelihood", "model": { "job": 2 },
    "dataset": { "type": "idx", "path": "/srv/images.idx" }, "timesteps": 4,
    "budget": { "images": 4 } }' --wait >/dev/null
}

data_are_where_the_service_may_look() {
  local path
  for path in /usr/share/images/images.idx /data/images.idx /home/anna/photos/images.idx; do
    make_images $path
  done
  chmod 700 "$root/home/anna"
  submit anna "$(train share 2 /usr/share/images/images.idx)" --wait >/dev/null
  submit anna "$(train data 2 /data/images.idx)" --wait >/dev/null
  ! submit anna "$(train closed 2 /home/anna/photos/images.idx)" --wait >/dev/null || fail "/home is open"
  # The home of somebody who has left is none of the service's troubles.
  set_up ProtectHome=tmpfs BindReadOnlyPaths=-/home/anna BindReadOnlyPaths=-/home/gone
  inside setfacl -m u:ddpmd:x /home/anna
  inside setfacl -R -m u:ddpmd:rX,d:u:ddpmd:rX /home/anna/photos
  inside systemctl restart ddpmd
  submit anna "$(train shown 2 /home/anna/photos/images.idx)" --wait >/dev/null
  # The photos themselves are open to all: what keeps Carl's jobs out is Anna's home folder.
  inside useradd --create-home --groups ddpm carl
  ! submit carl "$(train curious 2 /home/anna/photos/images.idx)" --wait >/dev/null ||
    fail "carl's jobs read anna's photos"
  grep -q 'carl.* may not search.* /home/anna;' "$root/srv/submit.log" || fail "$(<"$root/srv/submit.log")"
}

results_can_be_the_groups_alone() {
  set_up StateDirectoryMode=0750 RuntimeDirectoryMode=0750 UMask=0027
  mkdir -p "$root/etc/tmpfiles.d"
  echo 'd /var/spool/ddpmd 0750 ddpmd ddpm -' >"$root/etc/tmpfiles.d/ddpmd.conf"
  inside systemd-tmpfiles --create ddpmd.conf
  echo 'metrics_socket = /run/ddpmd/metrics' >"$root/etc/ddpmd.conf"
  inside systemctl restart ddpmd
  local job results
  job=$(submit anna "$(train closed 2 /srv/images.idx)")
  await "job $job is done" is_in "$job" done
  results=$(as carl ddpmctl results "$job")
  as carl sha256sum "$results/unet/diffusion_pytorch_model.safetensors" >/dev/null
  as carl ddpmctl list | grep closed >/dev/null
  as carl test -S /run/ddpmd/metrics
  local path
  for path in "$results" /var/spool/ddpmd/rejected /run/ddpmd/metrics; do
    ! as bert ls "$path" 2>/dev/null || fail "bert, not in the group ddpm, sees $path"
  done
  set_up
  rm "$root/etc/tmpfiles.d/ddpmd.conf"
  inside systemd-tmpfiles --create ddpmd.conf
  configure_stopped
  inside systemctl restart ddpmd
}

root_does_not_serve_the_services_spool() {
  inside systemctl stop ddpmd
  ! inside ddpmd 2>"$root/srv/ddpmd.log" || fail "root serves the spool of ddpmd"
  grep -q 'belongs to ddpmd, and this process to root; start the service: systemctl start ddpmd' \
    "$root/srv/ddpmd.log" || fail "$(<"$root/srv/ddpmd.log")"
  inside systemctl start ddpmd
}

# Its worker does not stop, and systemd waits for longer than the unit says.
a_stopping_daemon_gets_the_time_it_asks_for() {
  set_up TimeoutStopSec=5s
  configure 'stop_grace = 8 s'
  local job
  job=$(submit anna "$(train stopped $endless /srv/images.idx)")
  await "job $job trains" is_beyond "$job" 0
  signal_worker STOP "$job"
  inside systemctl stop ddpmd
  [ "$(property Result)" = success ] || fail "systemd ran out of patience: $(property Result)"
  is_in "$job" queued || fail "the daemon did not see its worker off: job $job is $(state "$job")"
  set_up
  configure_stopped
  inside systemctl start ddpmd
  order cancel "$job"
  await "job $job is cancelled" is_in "$job" cancelled
}
configure_stopped() { : >"$root/etc/ddpmd.conf"; }

a_wrong_configuration_is_said_and_not_tried_again() {
  local before
  before=$(daemon)
  ! configure 'max_workers = many' 2>/dev/null || fail "the reload of a wrong configuration succeeds"
  journal | grep '/etc/ddpmd.conf:1: max_workers is "many"' >/dev/null
  [ "$(daemon)" = "$before" ]
  ! inside systemctl restart ddpmd 2>/dev/null || fail "the daemon starts with a wrong configuration"
  [ "$(property ExecMainStatus)" = 78 ]
  [ "$(property ActiveState) $(property NRestarts)" = "failed 0" ]
  configure_stopped
  inside systemctl start ddpmd
}

removing_leaves_the_data() {
  inside dpkg --remove ddpmd >/dev/null 2>&1
  ! is_active || fail "the service runs though it is removed"
  [ ! -e "$root/usr/sbin/ddpmd" ]
  [ -e "$root/etc/ddpmd.conf" ]
  weights 2 >/dev/null
  inside dpkg --install /root/ddpmd.deb >/dev/null 2>&1
  as anna ddpmctl show undisturbed | grep done >/dev/null
}

# The state is on a file system of its own, which stays mounted, and something else is mounted in it.
purging_removes_them() {
  local other=/var/lib/ddpmd/other
  inside mount --bind /var/lib/ddpmd /var/lib/ddpmd
  inside mkdir $other
  inside mount -t tmpfs tmpfs $other
  inside touch $other/precious
  inside dpkg --purge ddpmd >"$root/root/dpkg.log" 2>&1 || fail "$(<"$root/root/dpkg.log")"
  [ "$(inside find /var/lib/ddpmd -mindepth 1 | sort | paste -sd' ')" = "$other $other/precious" ]
  grep -q 'something is left in /var/lib/ddpmd' "$root/root/dpkg.log"
  inside umount $other
  local path
  for path in /var/spool/ddpmd /etc/ddpmd.conf /etc/systemd/system/multi-user.target.wants/ddpmd.service; do
    [ ! -e "$root$path" ] || fail "$path is left"
  done
}

# Where systemd does not look for units by itself.
it_runs_without_a_package() {
  local prefix=/opt/ddpmd
  made install $prefix
  inside systemd-sysusers $prefix/lib/sysusers.d/ddpmd.conf
  inside systemd-tmpfiles --create $prefix/lib/tmpfiles.d/ddpmd.conf
  inside systemctl daemon-reload
  inside systemctl enable --now $prefix/lib/systemd/system/ddpmd.service 2>"$root/root/enable.log"
  train again 2 /srv/images.idx >"$root/srv/job.json"
  as anna $prefix/bin/ddpmctl submit --wait /srv/job.json >/dev/null 2>"$root/srv/submit.log"
  inside systemctl reload ddpmd
  inside systemctl disable --now ddpmd 2>"$root/root/enable.log"
  made uninstall $prefix
  [ -z "$(find "$root$prefix" ! -type d)" ] || fail "$(find "$root$prefix" ! -type d)"
  [ -e "$root/var/lib/ddpmd/jobs/1/results" ]
}
# Of the programs that the package was made of.
made() {
  make --quiet -C "$here/../.." "$1" SWIFT=none DESTDIR="$root" PREFIX="$2" >"$root/root/make.log" 2>&1 ||
    fail "$(<"$root/root/make.log")"
}
