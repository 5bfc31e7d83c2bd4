// What the daemon can be asked to measure, under the names that docs/administration.md lists.
//
// `Metrics` is what the daemon itself knows: as long as it is the same there is no news. What the
// machine says beside it (`MachineMetrics`) is asked when somebody wants to know.

import Jobs

/// What the daemon knows of its jobs and of itself.
struct Metrics: Equatable {
  /// Jobs that have not ended, by their states.
  var jobs: [JobState: Int] = [:]
  /// The jobs that have a worker.
  var running: [RunningJob] = []
  /// What happened to jobs since the daemon started.
  var events: [JobEvent.Kind: Int] = [:]
  var admissions = 0
  var rejections = 0
  var maxWorkers = 1
  var isPaused = false
  /// Whether something keeps the daemon from its work.
  var hasProblem = false
  var started = Timestamp.now()
  /// When the configuration was read successfully the last time.
  var configured = Timestamp.now()
  /// Whether the last reading was successful.
  var isConfigured = true

  /// A job that has a worker.
  struct RunningJob: Equatable {
    var id: Int
    var kind: String
    var name: String
    /// Which of the job's runs this is, and when it began; nil for the worker of an earlier daemon.
    var attempt: Int?
    var began: Timestamp?
    var progress: Progress?
  }
}

/// What is looked up when metrics are written or read.
struct MachineMetrics {
  /// Jobs that have ended, by their states.
  var endedJobs: [JobState: Int] = [:]
  /// Bytes left where the state is, and where the spool is.
  var freeState: Int?
  var freeSpool: Int?
  /// When each running job's newest checkpoint was written, in seconds since 1970.
  var checkpoints: [Int: Double] = [:]
}

extension Metrics {
  /// All there is to say.
  func families(_ machine: MachineMetrics) -> [MetricFamily] {
    daemon + queue(machine) + counters + [space(machine)] + runningJobs(machine)
  }

  private var daemon: [MetricFamily] {
    [
      MetricFamily(
        "ddpmd_build_info", .gauge, "Always 1; its label is the daemon's version.",
        [([("version", ddpmdVersion)], 1)]),
      MetricFamily(
        "ddpmd_start_time_seconds", .gauge, "When the daemon started, in seconds since 1970.",
        started.seconds),
      MetricFamily(
        "ddpmd_config_last_reload_successful", .gauge,
        "Whether the configuration was right when it was read the last time.",
        isConfigured ? 1 : 0),
      MetricFamily(
        "ddpmd_config_last_reload_success_timestamp_seconds", .gauge,
        "When the configuration that holds was read, in seconds since 1970.", configured.seconds),
      MetricFamily(
        "ddpmd_blocked", .gauge,
        "Whether something, a full disk for example, keeps the daemon from its work.",
        hasProblem ? 1 : 0),
      MetricFamily(
        "ddpmd_paused", .gauge, "Whether the queue is paused.", isPaused ? 1 : 0),
      MetricFamily(
        "ddpmd_max_workers", .gauge, "Jobs that may run at the same time.", Double(maxWorkers)),
    ]
  }

  private func queue(_ machine: MachineMetrics) -> [MetricFamily] {
    let counts = jobs.merging(machine.endedJobs) { $1 }
    return [
      MetricFamily(
        "ddpmd_jobs", .gauge, "Jobs by their states.",
        JobState.allCases.compactMap { state in
          counts[state].map { ([("state", state.rawValue)], Double($0)) }
        })
    ]
  }

  private var counters: [MetricFamily] {
    func count(_ event: JobEvent.Kind) -> Double { Double(events[event] ?? 0) }
    let ends: [(JobState, Double)] = [
      (.done, count(.finished)), (.failed, count(.failed) + count(.timedOut)),
      (.cancelled, count(.cancelled)),
    ]
    return [
      MetricFamily(
        "ddpmd_admissions_total", .counter, "Jobs admitted.", Double(admissions)),
      MetricFamily(
        "ddpmd_rejections_total", .counter, "Files in drop/ that were refused.",
        Double(rejections)),
      MetricFamily(
        "ddpmd_job_attempts_total", .counter, "Runs of jobs begun.", count(.started)),
      MetricFamily(
        "ddpmd_job_crashes_total", .counter,
        "Runs that ended by a crash, and were or are repeated.",
        count(.crashed)),
      MetricFamily(
        "ddpmd_job_deferrals_total", .counter, "Runs put off because the machine was at fault.",
        count(.deferred)),
      MetricFamily(
        "ddpmd_jobs_ended_total", .counter, "Jobs that have ended, by their final states.",
        ends.map { ([("state", $0.rawValue)], $1) }),
    ]
  }

  private func space(_ machine: MachineMetrics) -> MetricFamily {
    MetricFamily(
      "ddpmd_free_bytes", .gauge, "Space left on the file systems of the daemon's folders.",
      [("lib", machine.freeState), ("spool", machine.freeSpool)].compactMap { folder, bytes in
        bytes.map { ([("folder", folder)], Double($0)) }
      })
  }

  private func runningJobs(_ machine: MachineMetrics) -> [MetricFamily] {
    func family(
      _ name: String, _ help: String, _ value: (RunningJob) -> Double?
    ) -> MetricFamily {
      MetricFamily(
        "ddpmd_job_" + name, .gauge, help,
        running.compactMap { job in
          value(job).map {
            ([("job", "\(job.id)"), ("kind", job.kind), ("name", job.name)], $0)
          }
        })
    }
    return [
      family("attempt", "Which of the running job's runs this is, from 1.") {
        $0.attempt.map(Double.init)
      },
      family("start_time_seconds", "When the run began, in seconds since 1970.") {
        $0.began?.seconds
      },
      family("steps_done", "Training steps or images that are done.") {
        $0.progress.map { Double($0.step) }
      },
      family("steps", "Training steps or images that there are to do.") {
        $0.progress.map { Double($0.steps) }
      },
      family("loss", "Moving average of the training loss.") { $0.progress?.loss },
      family("bits_per_dimension", "The bound on the negative log-likelihood so far.") {
        $0.progress?.bitsPerDimension
      },
      family("images_per_second", "Throughput of late.") { $0.progress?.imagesPerSecond },
      family("remaining_seconds", "Estimated time to the job's end.") { $0.progress?.secondsLeft },
      family(
        "checkpoint_timestamp_seconds",
        "When the newest checkpoint was written, in seconds since 1970."
      ) { machine.checkpoints[$0.id] },
    ]
  }
}

extension Timestamp {
  fileprivate var seconds: Double { Double(milliseconds) / 1000 }
}
