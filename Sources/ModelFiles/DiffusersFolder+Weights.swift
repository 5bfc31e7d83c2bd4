/// Reading a network's parameters, from one file or from shards, and checking them: names and shapes
/// before any is read, and every value.

import GuardedFiles
import TensorFiles

extension DiffusersFolder {
  /// Reads the network's parameters.
  ///
  /// - tensors: names and shapes that the files must have, no more and no less.
  /// - receive: called once for each with its index and its values in C order.
  ///
  /// Throws: also where a value is infinite or not a number.
  public func readWeights(
    _ tensors: [(name: String, shape: [Int])],
    receive: (_ index: Int, _ values: UnsafeBufferPointer<Float>) -> Void
  ) throws(ModelFileError) {
    let stored = try StoredTensors(weights, access)
    let (sources, problems) = stored.match(tensors)
    guard problems.isEmpty else {
      let rest = problems.count > 5 ? ", and \(problems.count - 5) more" : ""
      throw .unusable(
        path: weights.paths[0],
        problem: "tensors do not fit: " + problems.prefix(5).joined(separator: "; ") + rest)
    }
    for (index, source) in sources.enumerated() {
      guard let source else { continue }
      try unsafe source.read { values throws(ModelFileError) in
        if let problem = unsafe Self.notFinite(values) {
          throw .unusable(path: source.file.path, problem: "\"\(source.entry.name)\" \(problem)")
        }
        unsafe receive(index, values)
      }
    }
  }

  /// The types that the parameters are stored in, such as `F32`, and how many tensors are of each.
  public func storedTypes() throws(ModelFileError) -> [(type: String, tensors: Int)] {
    var counts: [String: Int] = [:]
    do {
      for path in weights.tensorPaths {
        for entry in try SafetensorsFile(path: path, access: access).entries {
          counts[entry.dtype, default: 0] += 1
        }
      }
    } catch {
      throw ModelFileError(error)
    }
    return counts.sorted { $0.key < $1.key }.map { (type: $0.key, tensors: $0.value) }
  }

  /// Everything that is wrong with the network's parameters, a sentence each; nothing is, if empty.
  ///
  /// - tensors: as in `readWeights`.
  ///
  /// Throws: what keeps the check from being made.
  public func problemsOfWeights(
    _ tensors: [(name: String, shape: [Int])]
  ) throws(ModelFileError) -> [String] {
    let stored = try StoredTensors(weights, access)
    var (sources, problems) = stored.match(tensors)
    for source in sources.compactMap({ $0 }) {
      do {
        try unsafe source.read { values throws(ModelFileError) in
          if let problem = unsafe Self.notFinite(values) {
            problems.append("\"\(source.entry.name)\" \(problem)")
          }
        }
      } catch .unusable(_, let problem) {
        problems.append(problem)
      }
    }
    return problems
  }

  /// What is wrong with values that are not all finite.
  private static func notFinite(_ values: UnsafeBufferPointer<Float>) -> String? {
    let count = unsafe values.count { !$0.isFinite }
    return count == 0
      ? nil
      : "has \(count) of \(values.count) \(values.count == 1 ? "value" : "values") infinite or NaN"
  }
}

/// The tensors of a network's files, whichever of the files each is in.
private struct StoredTensors {
  struct Source {
    let file: SafetensorsFile
    let entry: SafetensorsFile.Entry

    /// Calls `body` with the values as float32, in C order.
    func read(
      _ body: (UnsafeBufferPointer<Float>) throws(ModelFileError) -> Void
    ) throws(ModelFileError) {
      let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: entry.count)
      defer { unsafe values.deallocate() }
      unsafe values.initialize(repeating: 0)
      do {
        try unsafe file.read(entry.name, into: values)
      } catch {
        throw ModelFileError(error)
      }
      try unsafe body(UnsafeBufferPointer(values))
    }
  }

  private var sources: [String: Source] = [:]
  /// In the order of the files.
  private var names: [String] = []
  /// Where index and shards contradict each other.
  private var contradictions: [String] = []

  init(_ weights: WeightFiles, _ access: FileAccess) throws(ModelFileError) {
    for path in weights.tensorPaths {
      let file: SafetensorsFile
      do {
        file = try SafetensorsFile(path: path, access: access)
      } catch {
        throw ModelFileError(error)
      }
      for entry in file.entries {
        if let shards = weights.shards, shards[entry.name] != path {
          contradictions.append("\"\(entry.name)\" is in \(path), and not so by the index")
          continue
        }
        names.append(entry.name)
        sources[entry.name] = Source(file: file, entry: entry)
      }
    }
    for (name, path) in (weights.shards ?? [:]).sorted(by: { $0.key < $1.key })
    where sources[name] == nil {
      contradictions.append("\"\(name)\" is not in \(path), where the index has it")
    }
  }

  /// Where each of `tensors` is, under its name or an older one, and what does not fit; the source is
  /// nil if there is none of that shape.
  func match(_ tensors: [(name: String, shape: [Int])]) -> ([Source?], problems: [String]) {
    var problems = contradictions
    var known: Set<String> = []
    let found = tensors.map { tensor -> Source? in
      let name = sources[tensor.name] == nil ? oldName(tensor.name) : tensor.name
      guard let source = sources[name] else {
        problems.append("\"\(tensor.name)\" is missing")
        return nil
      }
      known.insert(name)
      if source.entry.shape != tensor.shape {
        problems.append("\"\(name)\" is \(source.entry.shape), and \(tensor.shape) by config.json")
        return nil
      }
      return source
    }
    for name in names where !known.contains(name) {
      problems.append("\"\(name)\" is not a part of the network of config.json")
    }
    return (found, problems)
  }

  /// What an attention's tensor was called before diffusers 0.15.
  private func oldName(_ name: String) -> String {
    for (new, old) in [
      ("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn"),
    ] {
      for kind in ["weight", "bias"] where name.hasSuffix(".\(new).\(kind)") {
        return name.dropLast("\(new).\(kind)".count) + "\(old).\(kind)"
      }
    }
    return name
  }
}
