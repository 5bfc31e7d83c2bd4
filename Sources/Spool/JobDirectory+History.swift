public import DurableIO
public import Jobs

extension JobDirectory {
  /// Adds to the job's history, durably.
  public func append(_ event: JobEvent) throws(SystemError) {
    let history = try AppendLog(events)
    try history.append(event.line)
    try history.sync()
  }
}
