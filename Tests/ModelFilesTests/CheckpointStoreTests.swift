import DurableIO
import Glibc
import ModelFiles
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Checkpoints written, found, damaged in every way, and pruned.
struct CheckpointStoreTests {
  /// Stores a checkpoint whose tensors hold its step.
  private func write(_ step: Int, to store: CheckpointStore) throws {
    let values = FloatBuffer(count: 10)
    fill(values.all, with: Float(step))
    try store.write(
      step: step, state: ["note": .string("step \(step)")],
      tensors: [(name: "weights", values: values.all), (name: "average", values: values.all)])
  }

  /// The step of the newest checkpoint if all of it is as written.
  private func newest(in store: CheckpointStore, problems: inout [String]) throws -> Int? {
    guard let checkpoint = try store.newest(report: { problems.append($0) }) else { return nil }
    #expect(checkpoint.state["note"] == .string("step \(checkpoint.step)"))
    #expect(checkpoint.tensors.map(\.name) == ["average", "weights"])
    let values = FloatBuffer(count: 10)
    try checkpoint.read("weights", into: values.all)
    #expect(unsafe values.all.elements.allSatisfy { $0 == Float(checkpoint.step) })
    return checkpoint.step
  }

  @Test func findsTheNewestAndKeepsTwo() throws {
    try inTemporaryFolder { folder in
      let store = try CheckpointStore(path: folder + "/checkpoints")
      var problems: [String] = []
      #expect(try newest(in: store, problems: &problems) == nil)
      for step in [9, 10, 100] {
        try write(step, to: store)
        #expect(try newest(in: store, problems: &problems) == step)
      }
      #expect(problems.isEmpty)
      #expect(
        try Directory.names(in: store.path)
          == [10, 100].flatMap { step in
            ["json", "safetensors"].map {
              "step-" + "\(step + 10_000_000_000)".dropFirst() + ".\($0)"
            }
          })
    }
  }

  /// Any byte changed anywhere in either file, or any end cut off, and the one before is taken.
  @Test(arguments: ["json", "safetensors"])
  func passesOverDamage(file suffix: String) throws {
    try inTemporaryFolder { folder in
      let original = try CheckpointStore(path: folder + "/original")
      try write(1, to: original)
      try write(2, to: original)
      let names = try Directory.names(in: original.path)
      let files = try names.map { (name: $0, bytes: try readFile(original.path + "/" + $0)) }
      let spoilt = try #require(
        files.first { $0.name.hasPrefix("step-0000000002") && $0.name.hasSuffix(suffix) })
      let size = spoilt.bytes.count
      var variants = [[], Array(spoilt.bytes.dropLast(2)), spoilt.bytes + [0]]
      for position in Swift.stride(from: 0, to: size - 1, by: max(1, size / 23)) {
        variants.append(spoilt.bytes)
        variants[variants.count - 1][position] ^= 1
      }
      for (index, variant) in variants.enumerated() {
        let store = try CheckpointStore(path: folder + "/\(index)")
        for file in files {
          try AtomicFile.write(
            file.name == spoilt.name ? variant : file.bytes, to: store.path + "/" + file.name)
        }
        var problems: [String] = []
        #expect(try newest(in: store, problems: &problems) == 1)
        #expect(problems.count == 1 && problems[0].contains("step-0000000002"))
        // Set aside: not found again, and not counted among those kept.
        #expect(try newest(in: store, problems: &problems) == 1)
        #expect(problems.count == 1)
        try write(2, to: store)
        #expect(try newest(in: store, problems: &problems) == 2)
      }
    }
  }

  /// Whichever system call of a write fails, or is the process's last: a whole checkpoint is found,
  /// the new one if the write succeeded.
  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func aFailingCallCostsNoCheckpoint(fault: FaultPlan.Fault) throws {
    var struck = true
    var call = 0
    while struck {
      try inTemporaryFolder { folder in
        let store = try CheckpointStore(path: folder)
        for step in 1...2 { try write(step, to: store) }
        let plan = FaultPlan(at: call, fault)
        let result = Syscalls.$fileSystem.withValue(plan) { Result { try write(3, to: store) } }
        struck = plan.struck
        var problems: [String] = []
        let found = try newest(in: try CheckpointStore(path: folder), problems: &problems)
        #expect(problems.isEmpty && (found == 2 || found == 3))
        if case .success = result { #expect(found == 3) }
        try write(4, to: store)
        #expect(try Directory.names(in: folder).count == 4)
      }
      call += 1
    }
    #expect(call > 12)
  }

  @Test func aCheckpointWithoutSealOrTensorsIsNone() throws {
    try inTemporaryFolder { folder in
      let store = try CheckpointStore(path: folder)
      var problems: [String] = []
      try write(1, to: store)
      try write(2, to: store)
      try Directory.remove(folder + "/step-0000000002.json")
      #expect(try newest(in: store, problems: &problems) == 1)
      #expect(problems.isEmpty)
      try Directory.remove(folder + "/step-0000000001.safetensors")
      #expect(try newest(in: store, problems: &problems) == nil)
      #expect(problems.count == 1)
      // The tensors without a seal go with the next write.
      try write(3, to: store)
      #expect(try !Directory.exists(folder + "/step-0000000002.safetensors"))
    }
  }

  @Test func tensorsOfAnotherSizeAreRefused() throws {
    try inTemporaryFolder { folder in
      let store = try CheckpointStore(path: folder)
      try write(1, to: store)
      let checkpoint = try #require(try store.newest())
      let values = FloatBuffer(count: 11)
      #expect(throws: ModelFileError.self) { try checkpoint.read("weights", into: values.all) }
      #expect(throws: ModelFileError.self) { try checkpoint.read("moments", into: values.all) }
    }
  }
}
