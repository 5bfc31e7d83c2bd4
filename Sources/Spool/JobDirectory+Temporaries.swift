import DurableIO
public import Jobs

extension JobDirectory {
  /// Clears away what killed processes left of unfinished files, published results aside; only
  /// for a job that has no worker.
  ///
  /// Nothing depends on it: what cannot be removed now is tried again after the job's next run.
  public func removeTemporaries() { removeTemporaries(in: path) }

  private func removeTemporaries(in folder: String) {
    try? Directory.removeTemporaries(in: folder)
    for name in (try? Directory.names(in: folder)) ?? [] {
      let inner = folder + "/" + name
      guard !inner.hasPrefix(results) || inner.hasPrefix(resultsInProgress) else { continue }
      if (try? FileStatus(ofLink: inner))?.kind == .directory { removeTemporaries(in: inner) }
    }
  }
}
