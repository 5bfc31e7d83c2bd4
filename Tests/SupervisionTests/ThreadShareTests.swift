import DurableIO
import Jobs
import TestSupport
import Testing

@testable import Supervision

/// Jobs that run at the same time share the processors.
@Suite(.timeLimit(.minutes(10))) struct ThreadShareTests {
  @Test(
    arguments: [
      ([nil], 8, [8]), ([nil, nil], 8, [4, 4]), ([nil, nil, nil], 8, [3, 3, 2]),
      ([nil, 1, nil], 8, [4, 1, 3]), ([3, 3, 3], 8, [3, 3, 2]), ([2], 8, [2]), ([9], 8, [8]),
      ([nil, nil, nil], 2, [1, 1, 1]), ([], 4, []),
    ] as [([Int?], Int, [Int])])
  func aJobLeavesWhatItHasNoUseFor(_ wanted: [Int?], _ processors: Int, _ shares: [Int]) {
    let configuration = Configuration()
    #expect(configuration.threadShares(wanted: wanted, processors: processors) == shares)
  }

  /// No processor is idle that a job has a use for, none is given twice unless there are more jobs
  /// than processors, and no job gets more than one thread beyond another that wants more.
  @Test func sharesAreEven() {
    var random = SplitMix(seed: 5)
    for _ in 0..<500 {
      let processors = Int.random(in: 1...20, using: &random)
      let wanted = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        Bool.random(using: &random) ? nil : Int.random(in: 1...12, using: &random)
      }
      let shares = Configuration().threadShares(wanted: wanted, processors: processors)
      let useful = wanted.reduce(0) { min($0 + ($1 ?? processors), 1000) }
      #expect(shares.reduce(0, +) == max(min(processors, useful), wanted.count))
      for (share, wish) in zip(shares, wanted) {
        #expect(share >= 1 && share <= wish ?? .max)
        if share < wish ?? .max { #expect(share >= (shares.max() ?? 0) - 1) }
      }
    }
  }

  @Test func aNumberInTheConfigurationIsThatOfEveryWorker() {
    var configuration = Configuration()
    configuration.threads = 5
    #expect(configuration.threadShares(wanted: [nil, 2, 7], processors: 4) == [5, 2, 5])
    #expect(configuration.mostThreads(processors: 4) == 5)
  }

  /// A lone job has all three processors, and gets them back when a second one has ended.
  @Test func runningWorkersAreToldWhenSharesChange() async throws {
    let spool = try TestSpool(
      worker: #"echo "$@" > "$1/arguments"; exec 3<&0; cat <&3 > "$1/told" & "#
        + Script.workUntilStopped)
    let daemon = try TestDaemon(spool, maxWorkers: 2)
    let first = try await spool.submitJob("a")
    try await spool.waitFor(file: spool.directory(first).path + "/up")
    let second = try await spool.submitJob("b")
    try await spool.waitFor(file: spool.directory(second).path + "/up")
    func file(_ id: Int, _ name: String) throws -> String {
      String(decoding: try readFile(spool.directory(id).path + "/" + name), as: UTF8.self)
    }
    #expect(try file(first, "arguments").hasSuffix("--threads 3 --share 3\n"))
    #expect(try file(second, "arguments").hasSuffix("--threads 3 --share 1\n"))
    try await spool.cancel(second)
    try await until("the first worker has heard of it") {
      try file(first, "told") == "{\"threads\": 2}\n{\"threads\": 3}\n"
    }
    await daemon.stop()
  }
}
