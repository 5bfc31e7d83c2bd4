import DurableIO
import Glibc
import Jobs
import TestSupport
import Testing
import TensorCore

@testable import JobRunner

/// A memory limit that the kernel enforces, in processes of their own.
@Suite struct MemoryCapTests {
  /// Takes a buffer of 300 MiB on some thread of a process that may have 256.
  @Test func aBufferThatDoesNotFitFailsTheJobWithTheFigures() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(WorkerExit.failed),
      observing: [\.standardErrorContent, \.standardOutputContent]
    ) {
      let log: @Sendable (String) -> Void = { unsafe _ = write(STDERR_FILENO, $0, $0.utf8.count) }
      MemoryCap.enforce(
        256 << 20, job: "/x/jobs/7", threads: 2, messages: STDOUT_FILENO, log: log)
      // That much is allowed, also behind the stacks of all threads.
      let pool = ThreadPool(threads: 2)
      pool.run(2) { _, _ in _ = FloatBuffer(count: 100 << 18) }
      pool.run(2) { index, _ in if index == 1 { _ = FloatBuffer(count: 512 << 18) } }
      exit(0)
    }
    let output = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    let errors = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    let words =
      "of memory or more, and its memory_limit allows 256 MiB; raise $.queue.memory_limit or lower"
      + " the threads (\"ddpmctl edit 7 --set queue.memory_limit=SIZE\", and then"
      + " \"ddpmctl retry 7\")"
    #expect(errors.contains("the job needs ") && errors.contains(words), "\(errors)")
    let messages = output.split(separator: "\n").compactMap { WorkerMessage(line: $0) }
    #expect(
      messages.contains {
        if case .failed(let reason) = $0 { reason.contains(words) } else { false }
      })
  }

  /// A limit that the network alone is over is named before anything else is done.
  @Test func aNetworkThatDoesNotFitIsRefusedBeforehand() throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train())
    let run = try jobs.run(1, memoryLimit: 10_000)
    #expect(run.code == WorkerExit.failed)
    let words = "and its memory_limit allows 1 MiB; raise $.queue.memory_limit, or lower"
    #expect(run.reason?.contains(words) == true)
    #expect(run.reason?.hasSuffix("and then \"ddpmctl retry 1\")") == true)
  }
}
