// ddpm-worker: runs one job in its folder and tells the daemon how it goes. People do not type it.
//
//     ddpm-worker JOBDIR --threads N --share M --memory-limit BYTES --data-root DIR…
//
// Standard input: `WorkerInstruction` lines. Standard output: `WorkerMessage` lines. Standard error: the job's log. Exit codes: `WorkerExit`.
// SIGTERM, SIGINT, the daemon's death and a closed standard output ask it to stop at the next step
// boundary, with a checkpoint.

import ArgumentParser
import Glibc
import JobRunner

struct DDPMWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ddpm-worker", abstract: "Runs one job of ddpmd, in the job's folder.")

  @Argument(help: "The job's folder, jobs/ID.")
  var job: String

  @Option(help: "Threads that the job may use at most.")
  var threads = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  @Option(help: "Threads that it may use until standard input says otherwise; by default all.")
  var share: Int?

  @Option(help: "Bytes of memory that the job may take; by default as many as there are.")
  var memoryLimit: Int?

  @Option(
    name: .customLong("data-root"),
    help: "A folder that the job may read from, beside its own; may be repeated; by default all.")
  var dataRoots: [String] = []

  func validate() throws {
    guard (1...4096).contains(threads) else {
      throw ValidationError("--threads \(threads): found \(threads), allowed is 1 to 4096")
    }
  }

  func run() throws {
    StopRequest.listen()
    let progress = ProgressPipe(descriptor: STDOUT_FILENO)
    let log: @Sendable (String) -> Void = { line in
      let bytes = Array("\(line)\n".utf8)
      unsafe _ = write(STDERR_FILENO, bytes, bytes.count)
    }
    if let memoryLimit {
      MemoryCap.enforce(
        memoryLimit, job: job, threads: threads, messages: STDOUT_FILENO, log: log)
    }
    let worker = Worker(
      job: job, threads: threads, share: ThreadShare(share ?? threads, input: STDIN_FILENO),
      memoryLimit: memoryLimit, dataRoots: dataRoots.isEmpty ? nil : dataRoots, progress: progress,
      isStopRequested: { StopRequest.isMade },
      log: log)
    throw ExitCode(worker.run())
  }
}

DDPMWorker.main()
