public import DurableIO
import Glibc
public import Jobs
import StrictJSON

/// Putting a job or a command into the spool, and learning what became of it; for programs.
///
/// Works while the daemon is down: the file then waits in `drop/`. No privilege is needed but
/// writing into `drop/`.
public enum Submission {
  /// Names one submission: 32 hexadecimal digits, first the time, the others drawn at random.
  /// So what is submitted within one tick of the kernel's clock is in order by its name.
  public struct Token: Hashable, Sendable, CustomStringConvertible {
    /// The digits.
    public let description: String
    /// Whether a command was submitted.
    public private(set) var isCommand = false

    /// A token of somebody's own; nil unless it is 32 lower-case hexadecimal digits.
    public init?(_ text: some StringProtocol) {
      guard text.utf8.count == 32, text.utf8.allSatisfy("0123456789abcdef".utf8.contains) else {
        return nil
      }
      description = String(text)
    }

    /// The token in the name of a submission's file; nil for any other file.
    public init?(fileName: String) {
      let parts = fileName.split(separator: "-", maxSplits: 1)
      guard parts.count == 2, parts[0] == "submit" || parts[0] == "command",
        parts[1].hasSuffix(".json")
      else { return nil }
      self.init(parts[1].dropLast(5))
      isCommand = parts[0] == "command"
    }

    static func random(isCommand: Bool) -> Token {
      // As many digits whatever the time.
      let time = String(1 << 52 + ReloadReport.now(), radix: 16)
      let digits = (time.count..<32).map { _ in String(Int.random(in: 0..<16), radix: 16) }
      guard var token = Token(time + digits.joined()) else {
        preconditionFailure("32 digits are a token")
      }
      token.isCommand = isCommand
      return token
    }

    /// The name of the submission's file in `drop/`.
    public var fileName: String { "\(isCommand ? "command" : "submit")-\(self).json" }

    func receipt(in layout: SpoolLayout) -> String { "\(layout.receipts)/\(self)" }
  }

  /// How far a submission is.
  public enum Outcome: Equatable, Sendable {
    /// The daemon has not decided on it.
    case pending
    /// It is job number `job`, or a command about that job which was accepted; 0 for a command
    /// about the whole queue.
    case accepted(job: Int)
    /// It is an array whose jobs have these numbers.
    case acceptedArray(ClosedRange<Int>)
    /// It was refused.
    case rejected(reason: String)
  }

  /// Hands `bytes`, the content of a job file, to the spool, durably.
  public static func submit(
    _ bytes: [UInt8], to layout: SpoolLayout
  ) throws(SystemError) -> Token {
    try submit(bytes, as: .random(isCommand: false), to: layout)
  }

  /// Hands a command to the spool, durably.
  public static func submit(
    _ command: Command, to layout: SpoolLayout
  ) throws(SystemError) -> Token {
    let file = command.json.serialized() + "\n"
    return try submit(Array(file.utf8), as: .random(isCommand: true), to: layout)
  }

  private static func submit(
    _ bytes: [UInt8], as token: Token, to layout: SpoolLayout
  ) throws(SystemError) -> Token {
    let path = layout.drop + "/" + token.fileName
    let temporary = layout.drop + "/." + token.fileName
    do {
      let file = try OpenFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
      // Whatever the umask, the daemon has to read it. Nobody else can: drop/ cannot be listed.
      try Directory.setPermissions(0o644, of: temporary)
      try file.write(bytes)
      try file.sync()
      try Directory.renameWithoutReplacing(temporary, to: path)
      do {
        try Directory.sync(layout.drop)
      } catch  where error.isPermissionDenied {
        // Who may only write into drop/ cannot open it.
        try FileSystemSync(of: file).finish()
      }
    } catch {
      try? Directory.remove(temporary)
      throw error
    }
    return token
  }

  /// What became of a submission.
  public static func outcome(
    of token: Token, in layout: SpoolLayout
  ) throws(SystemError) -> Outcome {
    if let receipt = try text(token.receipt(in: layout)) {
      if let job = Int(receipt) { return .accepted(job: job) }
      let ends = receipt.split(separator: "-").compactMap { Int($0) }
      if ends.count == 2, ends[0] <= ends[1] { return .acceptedArray(ends[0]...ends[1]) }
    }
    if let reason = try text(layout.reason(ofRejected: token.fileName)) {
      return .rejected(reason: reason)
    }
    return .pending
  }

  /// Takes a submission back; too late where the daemon has taken it already.
  public static func withdraw(_ token: Token, from layout: SpoolLayout) throws(SystemError) {
    try Directory.remove(layout.drop + "/" + token.fileName)
  }

  private static func text(_ path: String) throws(SystemError) -> String? {
    // A power cut can leave a part.
    guard let bytes = try readFileIfPresent(path, limit: 1 << 20), bytes.last == UInt8(ascii: "\n")
    else { return nil }
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }
}
