public import Jobs
import StrictJSON

/// Who has paused the queue, and when: the content of `STATE/paused`.
public struct Pause: Equatable, Sendable {
  /// The owner of the command's file.
  public var user: UInt32
  /// When the command was taken in.
  public var since: Timestamp

  var json: JSONValue { ["user": .integer(user), "since": .string(since.description)] }

  init(user: UInt32, since: Timestamp) {
    self.user = user
    self.since = since
  }

  /// Nil for what is no such content.
  init?(_ content: [UInt8]) {
    guard let json = try? JSONValue(parsing: content),
      let user = json["user"]?.int.flatMap({ UInt32(exactly: $0) }),
      let since = json["since"]?.string.flatMap({ Timestamp($0) })
    else { return nil }
    self.init(user: user, since: since)
  }
}
