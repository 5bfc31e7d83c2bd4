import Glibc
import Jobs
import Testing

@testable import JobRunner

@Suite struct ProgressPipeTests {
  /// However fast a job's steps follow each other, what its daemon hears last is where it ended.
  @Test func theLastProgressComesBeforeAPauseAndTheEnd() throws {
    var ends: [Int32] = [-1, -1]
    try #require(unsafe pipe(&ends) == 0)
    let progress = ProgressPipe(descriptor: ends[1])
    for step in 1...3 { progress.report(Progress(step: step, steps: 5)) }
    // A preview is drawn.
    progress.flush()
    progress.flush()
    for step in 4...5 { progress.report(Progress(step: step, steps: 5)) }
    progress.send(.finished)
    close(ends[1])
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe read(ends[0], &bytes, bytes.count)
    close(ends[0])
    let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
    #expect(
      lines.compactMap { WorkerMessage(line: $0) } == [
        .progress(Progress(step: 1, steps: 5)), .progress(Progress(step: 3, steps: 5)),
        .progress(Progress(step: 5, steps: 5)), .finished,
      ])
  }
}
