import DurableIO
import Jobs

// Refusing files: each goes to `rejected/`, its reason first, so that wherever the daemon dies no file
// is there without one. What is left in `claim/` or `drop/` is judged, and refused, again.

extension Admission {
  /// Moves a claimed file to `rejected/`.
  func reject(_ claim: ClaimName, _ reason: String) throws(SystemError) -> Outcome {
    try reject(claim.file, from: layout.claim, as: claim.name, reason)
  }

  /// Moves what is in `directory` to `rejected/`. What was there under that name goes.
  func reject(
    _ file: String, from directory: String, as name: String, _ reason: String
  ) throws(SystemError) -> Outcome {
    try write(reason, whyRejected: name, synced: true)
    let owner = try moveToRejected(directory + "/" + file, as: name)
    syncMoves(from: directory)
    return .rejected(name: name, reason: reason.printableLines, owner: owner)
  }

  /// Moves claimed files to `rejected/`; many get onto the disk together. What fails for one does not
  /// hold up others; its claim stays.
  func reject(_ refusals: [(claim: ClaimName, reason: String)]) -> [Outcome] {
    func outcome(
      of claim: ClaimName, _ body: () throws(SystemError) -> Outcome
    ) -> Outcome {
      do {
        return try body()
      } catch {
        return .blocked(name: claim.name, reason: error.description)
      }
    }
    if refusals.count <= NewJobs.few {
      return refusals.map { claim, reason in
        outcome(of: claim) { () throws(SystemError) in try reject(claim, reason) }
      }
    }
    let sync = Result { () throws(SystemError) in try FileSystemSync(layout.rejected) }
    let written = refusals.map { claim, reason in
      Result { () throws(SystemError) in
        try write(reason, whyRejected: claim.name, synced: false)
      }
    }
    let synced = Result { () throws(SystemError) in try sync.get().finish() }
    defer { syncMoves(from: layout.claim) }
    return zip(refusals, written).map { refusal, written in
      let (claim, reason) = refusal
      return outcome(of: claim) { () throws(SystemError) in
        try written.get()
        try synced.get()
        let owner = try moveToRejected(layout.claim + "/" + claim.file, as: claim.name)
        return .rejected(name: claim.name, reason: reason.printableLines, owner: owner)
      }
    }
  }

  /// - synced: false leaves it to a `FileSystemSync` to make that durable.
  func write(
    _ reason: String, whyRejected name: String, synced: Bool
  ) throws(SystemError) {
    try AtomicFile.write(
      reason.printableLines + "\n", to: layout.reason(ofRejected: Self.nameInRejected(name)),
      synced: synced)
  }

  /// Returns: The owner of what was moved; nil if that cannot be found out.
  private func moveToRejected(_ path: String, as name: String) throws(SystemError) -> UInt32? {
    let target = layout.rejected + "/" + Self.nameInRejected(name)
    do {
      try Directory.removeTree(target)
    } catch  where error.isPermissionDenied || error.isAlreadyThere {
      // A folder of somebody else's, who may keep all others from removing what is in it.
      try Directory.rename(target, to: "\(target)-\(UInt64.random(in: .min ... .max))")
    }
    try Directory.rename(path, to: target)
    return try? FileStatus(ofLink: target).owner
  }

  /// Each file is durable in one of the two places already, and must be reported once it has moved. The
  /// old name goes last.
  private func syncMoves(from directory: String) {
    do {
      try Directory.sync(layout.rejected)
      try Directory.sync(directory)
    } catch {}
  }

  /// `name`, but short enough to leave room for the reason's, and not that of another's reason.
  static func nameInRejected(_ name: String) -> String {
    var name = name
    // Not by characters: a letter with many accents is one, and may be all of the name.
    while name.utf8.count > 200 { name.unicodeScalars.removeLast() }
    return name.hasSuffix(SpoolLayout.reasonSuffix) ? name + "_" : name
  }
}
