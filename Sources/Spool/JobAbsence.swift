public import DurableIO
public import Jobs

extension JobDirectory {
  /// That the job's file is not there, or its whole folder, and what helps, in a sentence; nil where the
  /// file is there, whatever it holds.
  ///
  /// Whoever makes room by hand takes folders away, and so does a damaged disk. The queue's entry still
  /// knows the job: it can be cancelled, and removed after its end.
  public func absence(of id: Int, in state: JobState) throws(SystemError) -> String? {
    if try Directory.exists(job) { return nil }
    let missing = try Directory.exists(path) ? job : path
    let command = state.isFinal ? "remove" : "cancel"
    return "\(missing) is missing; if it cannot be put back, \(command) job \(id)"
  }
}
