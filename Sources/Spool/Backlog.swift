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

  /// The files of one user.
  private struct Line {
    var waiting: ArraySlice<Arrival>
    /// What was taken last.
    var last: Arrival?
  }

  private var lines: [UInt32: Line] = [:]
  /// The users who wait, in the order of their turns.
  private var turns: [UInt32] = []

  /// Whether nobody waits.
  var isEmpty: Bool { turns.isEmpty }

  /// Takes the files that come next, at most `limit`.
  mutating func take(atMost limit: Int) -> [String] {
    var names: [String] = []
    while names.count < limit, let user = turns.first {
      turns.removeFirst()
      guard let next = lines[user]?.waiting.popFirst() else { continue }
      lines[user]?.last = next
      names.append(next.name)
      if lines[user]?.waiting.isEmpty == false { turns.append(user) }
    }
    return names
  }

  /// Takes note of all that is there now, by its owners.
  ///
  /// Users keep their turns, new ones come behind them. As long as there is a backlog, each user's
  /// files go on behind the one that was taken last, and what was left where it is, such as a file that
  /// is not whole yet, comes round again behind them: it must not hold them up.
  mutating func look(at arrivals: [UInt32: [Arrival]]) {
    let old = isEmpty ? [:] : lines
    lines = [:]
    for (user, arrivals) in arrivals {
      let arrivals = arrivals.sorted()
      let last = old[user]?.last
      let next = last.flatMap { last in arrivals.firstIndex { $0 > last } } ?? 0
      lines[user] = Line(
        waiting: next == 0 ? arrivals[...] : arrivals[next...] + arrivals[..<next], last: last)
    }
    turns.removeAll { lines[$0] == nil }
    let new = lines.filter { !turns.contains($0.key) }.compactMap { user, line in
      line.waiting.first.map { (arrival: $0, user: user) }
    }
    turns += new.sorted { $0.arrival < $1.arrival }.map(\.user)
  }

  /// The files in `drop` that may be looked at, by their owners.
  static func arrivals(
    in drop: String
  ) throws(SystemError) -> [UInt32: [Arrival]] {
    var arrivals: [UInt32: [Arrival]] = [:]
    for name in try Directory.names(in: drop) where !SubmittedFile.isHidden(name) {
      // A file without a status is met again when it is opened.
      let status = try? FileStatus(ofLink: drop + "/" + name)
      let time = status.map { $0.changed.seconds * 1_000_000 + $0.changed.nanoseconds / 1000 }
      arrivals[status?.owner ?? 0, default: []].append(.init(time: time ?? 0, name: name))
    }
    return arrivals
  }
}
