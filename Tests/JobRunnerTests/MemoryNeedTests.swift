import DurableIO
import Jobs
import ModelConfig
import Models
import TestSupport
import Testing

@testable import JobRunner
@testable import Training

struct MemoryNeedTests {
  /// 10 blocks of 16384 channels are some terabytes.
  @Test func aNetworkTooLargeForAnyMachineFailsTheJob() throws {
    let jobs = try Jobs()
    let work = jobs.train { spec in
      spec.unet?.sampleSize = 512
      spec.unet?.blockOutChannels = Array(repeating: 16384, count: 10)
      spec.unet?.downBlockTypes = Array(repeating: .down, count: 10)
      spec.unet?.upBlockTypes = Array(repeating: .up, count: 10)
    }
    try jobs.add(1, work)
    let run = try jobs.run(1)
    #expect(run.code == WorkerExit.failed)
    let reason = try #require(run.reason)
    for words in ["GiB", "$.unet.block_out_channels", "$.training.shards, which is 3"] {
      #expect(reason.contains(words), "\(reason)")
    }
  }

  /// Buffers by hand: weights, moments and average, twice, and a gradient for each shard.
  @Test func countsWhatIsCertain() throws {
    let unet = UNet(Preset.fashionMNIST28.unet)
    let buffer = Double(4 * unet.layout.count)
    for (need, buffers) in [
      (MemoryNeed(training: unet, averaging: true, shards: 3), 11.0),
      (MemoryNeed(training: unet, averaging: false, shards: 1), 7),
      (MemoryNeed(sampling: unet), 1),
    ] {
      func limit(_ bytes: Double) -> MemoryLimit {
        MemoryLimit(machine: bytes, groups: "", root: "")
      }
      #expect(need.refusal(by: limit(buffers * buffer)) == nil)
      let reason = need.refusal(by: limit(buffers * buffer - 1))
      #expect(reason?.contains("memory_limit") == false)
    }
  }

  @Test func aJobsOwnLimitCountsIfItIsLess() throws {
    let machine = MemoryLimit(machine: 8 * 1024 * 1024 * 1024, groups: "", root: "")
    #expect(machine.lowered(toOwn: nil).bytes == machine.bytes)
    #expect(machine.lowered(toOwn: 16 << 30).description == "the machine has 8.0 GiB")
    #expect(machine.lowered(toOwn: 2 << 30).description == "its memory_limit allows 2.0 GiB")
  }

  @Test func theSmallestLimitOfTheControlGroupsCounts() throws {
    let root = try TemporaryFolder()
    func limit(_ groups: String = "1:name=x:/y\n0::/a/b\n") -> MemoryLimit {
      MemoryLimit(machine: 8 * 1024 * 1024 * 1024, groups: groups, root: root.path)
    }
    #expect(limit().description == "the machine has 8.0 GiB")
    try Directory.create(root("a/b"))
    try AtomicFile.write("max\n", to: root("a/b/memory.max"))
    try AtomicFile.write("9663676416\n", to: root("memory.max"))
    #expect(limit().description == "the machine has 8.0 GiB")
    try AtomicFile.write("1610612736\n", to: root("a/memory.max"))
    #expect(limit().bytes == 1_610_612_736)
    #expect(limit().description == "\(root.path)/a/memory.max allows 1.5 GiB")
    // Another group, and version 1.
    #expect(limit("0::/\n").description == "the machine has 8.0 GiB")
    #expect(limit("4:memory:/a\n").description == "the machine has 8.0 GiB")
  }
}
