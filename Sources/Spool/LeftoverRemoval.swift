public import DurableIO
import Jobs

extension Admission {
  /// Nobody has touched a leftover for so many milliseconds.
  private static let leftoverAge: Int64 = 24 * 3_600_000

  /// Removes what transfers that broke off have left in `drop/`: files whose names begin with a dot
  /// and that nobody has touched for a day, at most `limit` in one go. A younger one is somebody's
  /// transfer under way; so may be any one after the clock was set, for as long again.
  ///
  /// Returns: their names, as many as `limit` if there may be more; and what stays though it should
  /// not.
  public mutating func removeLeftovers(
    atMost limit: Int
  ) throws(SystemError) -> (removed: [String], troubles: [RemovalTrouble]) {
    clock.look()
    var removed: [String] = []
    var troubles: [RemovalTrouble] = []
    for name in try Directory.names(in: layout.drop)
    where SubmittedFile.isHidden(name) && removed.count < limit {
      do {
        let path = layout.drop + "/" + name
        let status = try FileStatus(ofLink: path)
        // The times of its content may be set to those of another file, before it gets its name.
        let age = [status.changed, status.modified].map { clock.age(of: Timestamp($0)) }.min() ?? 0
        guard status.kind == .regular, age > Self.leftoverAge else { continue }
        try Directory.remove(path)
        removed.append(name)
      } catch  where error.isNotFound {
      } catch {
        troubles.append(RemovalTrouble("the unfinished file \(name) in drop/", error))
      }
    }
    return (removed, troubles)
  }
}
