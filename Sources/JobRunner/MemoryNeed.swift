/// Whether a job can fit into the machine's memory at all, asked before any of it is taken: an
/// allocation that fails ends the process, and would end it again in every later run.
///
/// Only what the job certainly needs is counted, its flat buffers over the network's parameters;
/// activations and images come on top. Swap space is not memory: every step walks over all of it.

import DurableIO
import Glibc
import Models
import Training

/// The least memory that a job's network takes.
struct MemoryNeed {
  /// What the network is used for, with the fields that decide how much that takes.
  private enum Use {
    case training(shards: Int)
    case sampling
    case evaluating
  }

  private let use: Use
  private let parameters: Int
  private let bytes: Double

  /// Training `unet`.
  init(training unet: UNet, averaging: Bool, shards: Int) {
    self.init(
      .training(shards: shards), unet,
      buffers: MemoryEstimate.trainingBuffers(averaging: averaging, shards: shards))
  }

  /// Drawing samples with `unet`: its weights.
  init(sampling unet: UNet) { self.init(.sampling, unet, buffers: 1) }

  /// Evaluating so many sets of weights of `unet`.
  init(evaluating unet: UNet, models: Int) { self.init(.evaluating, unet, buffers: models) }

  private init(_ use: Use, _ unet: UNet, buffers: Int) {
    self.use = use
    parameters = unet.layout.count
    bytes = Double(parameters) * Double(buffers * MemoryLayout<Float>.size)
  }

  /// Fails the job if it cannot fit.
  func check(against limit: MemoryLimit = .ofThisProcess) throws(JobFailure) {
    guard bytes > limit.bytes else { return }
    let network = "the network has \(parameters) parameters and needs at least \(gibibytes(bytes))"
    let (purpose, remedy) =
      switch use {
      case .training(let shards):
        (
          "to be trained",
          "lower $.unet.block_out_channels"
            + (shards > 1 ? " or $.training.shards, which is \(shards)" : "")
        )
      case .sampling: ("to draw samples", "draw them on a larger machine")
      case .evaluating: ("to be evaluated", "evaluate one of $.weights, or on a larger machine")
      }
    throw .failed(reason: "\(network) of memory \(purpose), and \(limit); \(remedy)")
  }
}

/// The most memory that a process can get.
struct MemoryLimit: CustomStringConvertible {
  /// Infinite where it is not known.
  private(set) var bytes: Double
  /// The file of the control group that sets it; nil if it is the machine's size.
  private var file: String?

  /// The machine's memory, or less if the process's control group, or one around it, has less.
  static var ofThisProcess: MemoryLimit {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let machine = pages > 0 ? Double(pages) * Double(sysconf(Int32(_SC_PAGESIZE))) : .infinity
    let groups = (try? readFile("/proc/self/cgroup")) ?? []
    return MemoryLimit(
      machine: machine, groups: String(decoding: groups, as: UTF8.self), root: "/sys/fs/cgroup")
  }

  /// - machine: its memory in bytes.
  /// - groups: what /proc/self/cgroup says; version 2's line counts.
  /// - root: where the control groups are mounted.
  init(machine: Double, groups: String, root: String) {
    bytes = machine
    guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else {
      return
    }
    var names = line.dropFirst("0::/".count).split(separator: "/")
    while true {
      let file = (([root] + names.map(String.init)).joined(separator: "/")) + "/memory.max"
      // No limit is "max", which is no number; the topmost group has no such file.
      let text = (try? readFile(file)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      if let limit = Double(text.prefix { $0.isNumber }), limit < bytes {
        (bytes, self.file) = (limit, file)
      }
      if names.popLast() == nil { return }
    }
  }

  /// A clause.
  var description: String {
    file.map { "\($0) allows \(gibibytes(bytes))" } ?? "the machine has \(gibibytes(bytes))"
  }
}

private func gibibytes(_ bytes: Double) -> String {
  "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB"
}
