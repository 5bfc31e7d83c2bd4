/// The checkpoints of one job, in a folder of their own.
///
/// **Promises.** `write` returns when the checkpoint is durable; before that, a crash leaves the
/// ones before it as they were. The two newest are kept. `newest` returns the newest whose
/// checksum verifies; one that does not is reported and set aside as `damaged-…`, and the one
/// before it is taken. One process at a time uses a store.
///
/// **Failures.** The system's refusals are thrown and not taken for damage, but for one: a
/// checkpoint that the disk cannot read back (EIO) is damaged.

import DurableIO
import Glibc
public import StrictJSON
public import TensorCore
import TensorFiles

/// Writes, finds and prunes checkpoints.
public struct CheckpointStore: Sendable {
  /// The value of `schema` in a checkpoint's JSON file.
  public static let schema = "ddpm.checkpoint/1"
  /// The folder.
  public let path: String
  /// Checkpoints kept on disk while a run goes on.
  private let kept: Int

  /// The store in folder `path`, made where missing; what a killed writer left is cleared away.
  ///
  /// - kept: how many checkpoints, those of the last steps, stay on disk.
  public init(path: String, keeping kept: Int = 2) throws(ModelFileError) {
    self.path = path
    self.kept = kept
    do {
      try Directory.create(path)
      try Directory.removeTemporaries(in: path)
    } catch {
      throw .system(error)
    }
  }

  /// Stores the state after `step` steps, durably, and removes checkpoints no longer needed.
  public func write(
    step: Int, state: JSONObject, tensors: [(name: String, values: Tensor)]
  ) throws(ModelFileError) {
    let digest: String
    do {
      digest = try writeSafetensors(
        to: tensorPath(step),
        tensors: tensors.map { tensor in
          unsafe SafetensorsTensor(name: tensor.name, shape: [tensor.values.count]) { buffer in
            unsafe _ = buffer.update(fromContentsOf: tensor.values.elements)
          }
        },
        metadata: [Checkpoint.stateKey: JSONValue.object(state).serialized()])
    } catch {
      throw ModelFileError(error)
    }
    let seal: JSONValue = [
      "schema": .string(Self.schema), "step": .integer(step), "sha256": .string(digest),
    ]
    do {
      try AtomicFile.write(seal.serialized() + "\n", to: sealPath(step))
      try prune(keeping: kept)
    } catch {
      throw .system(error)
    }
  }

  /// The newest checkpoint that verifies; nil if there is none.
  ///
  /// - report: told, in a sentence, of every damaged checkpoint passed over.
  public func newest(
    report: (_ problem: String) -> Void = { _ in }
  ) throws(ModelFileError) -> Checkpoint? {
    do {
      for step in try sealedSteps().reversed() {
        switch try verify(step) {
        case .success(let checkpoint): return checkpoint
        case .failure(let damage):
          report("checkpoint \(sealPath(step)) is damaged and passed over: \(damage.problem)")
          try setAside(step)
        }
      }
      return nil
    } catch {
      throw .system(error)
    }
  }

  /// Removes all checkpoints but the newest: the run has ended well.
  public func keepNewest() throws(ModelFileError) {
    do {
      try prune(keeping: 1)
    } catch {
      throw .system(error)
    }
  }

  // MARK: Names

  private func tensorPath(_ step: Int) -> String { "\(path)/\(name(step)).safetensors" }
  private func sealPath(_ step: Int) -> String { "\(path)/\(name(step)).json" }

  private func name(_ step: Int) -> String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
  }

  /// The steps that have a file of the kind `suffix`, ascending.
  private func steps(withSuffix suffix: String) throws(SystemError) -> [Int] {
    try Directory.names(in: path).compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(suffix) else { return nil }
      return Int(name.dropFirst("step-".count).dropLast(suffix.count))
    }.sorted()
  }

  private func sealedSteps() throws(SystemError) -> [Int] { try steps(withSuffix: ".json") }

  // MARK: Pruning

  /// Removes all but the `count` newest sealed checkpoints, and tensor files without a seal. The seal goes
  /// first, so that what is left after a crash is never half a checkpoint with a seal.
  private func prune(keeping count: Int) throws(SystemError) {
    let sealed = try sealedSteps()
    for step in sealed.dropLast(count) { try Directory.remove(sealPath(step)) }
    let kept = Set(sealed.suffix(count))
    for step in try steps(withSuffix: ".safetensors") where !kept.contains(step) {
      try Directory.remove(tensorPath(step))
    }
  }

  private func setAside(_ step: Int) throws(SystemError) {
    for suffix in [".json", ".safetensors"] {
      let name = name(step) + suffix
      if try Directory.exists("\(path)/\(name)") {
        try Directory.rename("\(path)/\(name)", to: "\(path)/damaged-\(name)")
      }
    }
  }

  // MARK: Verification

  private struct Damage: Error {
    var problem: String
  }

  private func verify(_ step: Int) throws(SystemError) -> Result<Checkpoint, Damage> {
    let seal: [UInt8]
    let found: String
    do {
      seal = try readFile(sealPath(step), limit: 1 << 16)
      found = try SHA256.of(file: tensorPath(step)).hex
    } catch {
      if error.isNotFound { return .failure(Damage(problem: "its tensors are missing")) }
      if error.code == EIO { return .failure(Damage(problem: "\(error)")) }
      throw error
    }
    guard let json = try? JSONValue(parsing: seal), json["schema"]?.string == Self.schema,
      json["step"]?.int == step, let expected = json["sha256"]?.string
    else { return .failure(Damage(problem: "its seal cannot be read")) }
    guard found == expected else {
      return .failure(Damage(problem: "its SHA-256 is \(found), and \(expected) when written"))
    }
    do {
      let file = try SafetensorsFile(path: tensorPath(step))
      guard let text = file.metadata[Checkpoint.stateKey],
        let state = try? JSONValue(parsing: Array(text.utf8)).object
      else { return .failure(Damage(problem: "its state cannot be read")) }
      return .success(Checkpoint(step: step, state: state, file: file))
    } catch {
      if case .system(let error) = error { throw error }
      return .failure(Damage(problem: "\(error)"))
    }
  }
}
