import DurableIO

/// The files in `drop/` that have not been taken since it was looked at: users by turns, the files of
/// one user in the order of their arrival.
///
/// Between two files of one user there is a turn for everybody else who waits, so that nobody waits
/// for more than one file of each other user, however many they are.
struct Backlog {
  /// A file and the time of its last change: the kernel's, which nobody can set.
  struct Arrival: Comparable {
    /// Microseconds since 1970.
    let time: Int
    let name: String

    /// Those of one tick of the kernel's clock are in the order of their names.
    static func < (first: Arrival, second: Arrival) -> Bool {
      (first.time, first.name) < (second.time, second.name)
    }
  }

  /// The names of each user's files.
  private var lines: [UInt32: ArraySlice<String>] = [:]
  /// The users who wait, in the order of their turns.
  private var turns: [UInt32] = []

  /// Whether nobody waits.
  var isEmpty: Bool { turns.isEmpty }

  /// Takes the files that come next, at most `limit`.
  mutating func take(atMost limit: Int) -> [String] {
    var names: [String] = []
    while names.count < limit, let user = turns.first, let name = lines[user]?.popFirst() {
      names.append(name)
      turns.removeFirst()
      guard let line = lines[user], !line.isEmpty else {
        lines[user] = nil
        continue
      }
      // The names that were taken do not stay in memory with the rest.
      if line.startIndex > line.count { lines[user] = Array(line)[...] }
      turns.append(user)
    }
    return names
  }

  /// Takes note of all that is there now, by its owners.
  ///
  /// Users keep their turns, new ones come behind them. The files of a user go on with the one that is
  /// next, and what was left where it is before that, such as a file that is not whole yet, comes round
  /// again behind the others: it must not hold them up.
  mutating func look(at arrivals: [UInt32: [Arrival]]) {
    var new: [(arrival: Arrival, user: UInt32)] = []
    var lines: [UInt32: ArraySlice<String>] = [:]
    for (user, arrivals) in arrivals {
      let arrivals = arrivals.sorted()
      let names = arrivals.map(\.name)
      let next = self.lines[user]?.first.flatMap { names.firstIndex(of: $0) } ?? 0
      lines[user] = next == 0 ? names[...] : names[next...] + names[..<next]
      if self.lines[user] == nil, let first = arrivals.first { new.append((first, user)) }
    }
    self.lines = lines
    turns.removeAll { lines[$0] == nil }
    turns += new.sorted { $0.arrival < $1.arrival }.map(\.user)
  }

  /// The files in `drop` that may be looked at, by their owners.
  static func arrivals(
    in drop: String
  ) throws(SystemError) -> [UInt32: [Arrival]] {
    var arrivals: [UInt32: [Arrival]] = [:]
    for name in try Directory.namesMadeReadable(in: drop) where !SubmittedFile.isHidden(name) {
      // A file without a status is met again when it is opened.
      let status = try? FileStatus(ofLink: drop + "/" + name)
      let time = status.map { $0.changed.seconds * 1_000_000 + $0.changed.nanoseconds / 1000 }
      arrivals[status?.owner ?? 0, default: []].append(.init(time: time ?? 0, name: name))
    }
    return arrivals
  }
}
