// A job's memory_limit, enforced by the kernel: the worker lowers its own RLIMIT_DATA, for which it
// needs no privilege and no control group. That counts what the process allocates, and neither its
// program nor the files that it maps or reads through the page cache. Stacks are counted as well,
// though most of what is reserved for them is never used; so there is room for those on top.
//
// Where a buffer of the numerics does not fit any more, the job fails with a sentence that says
// how much it would have taken. Any other allocation that fails ends the worker with a trap, which
// the daemon takes for a crash and shows.

import DurableIO
import Glibc
import Jobs
import TensorCore
import Training

/// Holds this process to a job's memory limit.
public enum MemoryCap {
  /// How the job in the folder `job`, jobs/ID, gets more: in brackets.
  static func advice(_ job: String) -> String {
    let id = job.split(separator: "/").last ?? "JOB"
    return " (\"ddpmctl edit \(id) --set queue.memory_limit=SIZE\", and then"
      + " \"ddpmctl retry \(id)\")"
  }

  /// Allows this process to allocate `bytes`; it then ends, where that is not enough, as a job
  /// that has failed.
  ///
  /// - job: the job's folder, jobs/ID.
  /// - threads: how many the numerics have at most.
  /// - messages: the descriptor on which the daemon hears of it.
  /// - log: takes a line without its newline.
  public static func enforce(
    _ bytes: Int, job: String, threads: Int, messages: Int32,
    log: @escaping @Sendable (String) -> Void
  ) {
    var limits = rlimit()
    guard unsafe getrlimit(dataLimit, &limits) == 0 else { return }
    // Two pools at a time, and a few threads that read and write.
    let stacks = (2 * threads + 8) * stackSize
    limits.rlim_cur = min(rlim_t(bytes + stacks), limits.rlim_max)
    guard unsafe setrlimit(dataLimit, &limits) == 0 else { return }
    let most = limits.rlim_max
    MemoryShortage.handle { wanted in
      // Saying so takes memory, too.
      var limits = rlimit(rlim_cur: most, rlim_max: most)
      unsafe setrlimit(dataLimit, &limits)
      let need = Double(max(allocated - stacks, 0) + wanted)
      let reason =
        "the job needs \(MemoryLimit.text(max(need, Double(bytes) + 1))) of memory or more, and"
        + " \(MemoryLimit.ownName) allows \(MemoryLimit.text(Double(bytes)));"
        + " raise $.queue.memory_limit or lower the threads\(advice(job)),"
        + " or submit it anew with a smaller network or batch"
      log(reason)
      ProgressPipe(descriptor: messages).send(.failed(reason: reason))
      _exit(WorkerExit.failed)
    }
  }

  private static let dataLimit = __rlimit_resource_t(2)  // RLIMIT_DATA
  private static let stackSize = 8 << 20

  /// What counts against the limit now.
  private static var allocated: Int {
    let status = (try? readFile("/proc/self/status")) ?? []
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix("VmData:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
}
