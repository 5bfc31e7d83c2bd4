import Glibc
import Jobs
import Synchronization
import TensorCore
import Testing

@testable import JobRunner

/// A worker follows what the daemon says of its threads.
@Suite struct ThreadShareTests {
  private func pipes() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    return (ends[0], ends[1])
  }

  private func say(_ text: String, to descriptor: Int32) {
    unsafe _ = write(descriptor, text, text.utf8.count)
  }

  @Test func theLastWholeLineThatMakesSenseCounts() throws {
    let (reading, writing) = try pipes()
    let share = ThreadShare(3, input: reading)
    share.update()
    #expect(share.limit.count == 3)
    say(#"{"threads": 1}"# + "\n" + #"{"threads": 5}"# + "\nnonsense\n" + #"{"thr"#, to: writing)
    share.update()
    #expect(share.limit.count == 5)
    say(#"eads": 2}"# + "\n" + #"{"threads": 0}"# + "\n", to: writing)
    share.update()
    #expect(share.limit.count == 2)
    close(writing)
    share.update()
    close(reading)
    // Closed once and for all.
    share.update()
    #expect(share.limit.count == 2)
  }

  /// Between any two steps there may be more threads or fewer, and the bits are those of one.
  @Test func sharesThatChangeDoNotChangeBits() throws {
    let jobs = try Jobs()
    for id in 1...2 { try jobs.add(id, jobs.train(previews: true)) }
    try jobs.run(1)
    let (reading, writing) = try pipes()
    let share = ThreadShare(1, input: reading)
    var counts: Set<Int> = []
    let polls = Mutex(0)
    try jobs.run(
      2, threads: 3, share: share,
      onPoll: {
        counts.insert(share.limit.count)
        let poll = polls.withLock { polls in
          polls += 1
          return polls
        }
        say(WorkerInstruction.threads(poll % 3 + 1).line + "\n", to: writing)
      })
    #expect(counts == [1, 2, 3])
    let weights = "unet/diffusion_pytorch_model.safetensors"
    #expect(try jobs.sum(2, weights) == jobs.sum(1, weights))
    close(reading)
    close(writing)
  }
}
