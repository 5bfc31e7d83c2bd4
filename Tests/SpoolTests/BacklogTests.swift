import TestSupport
import Testing

@testable import Spool

/// Whose files in `drop/` come next.
@Suite struct BacklogTests {
  private func arrivals(_ names: [String], from time: Int = 0) -> [Backlog.Arrival] {
    names.enumerated().map { .init(time: time + $0, name: $1) }
  }

  @Test func usersTakeTurns() {
    var backlog = Backlog()
    backlog.look(at: [
      1: arrivals(["a", "b", "c", "d"], from: 5), 2: arrivals(["x"], from: 9),
      3: arrivals(["p", "q"], from: 1),
    ])
    #expect(backlog.take(atMost: 3) == ["p", "a", "x"])
    #expect(backlog.take(atMost: 9) == ["q", "b", "c", "d"])
    #expect(backlog.isEmpty && backlog.take(atMost: 1).isEmpty)
  }

  /// A file that was left where it is holds up nothing that its user has behind it.
  @Test func whatWasLeftComesRoundAgain() {
    var backlog = Backlog()
    let files = arrivals(["half", "a", "b"])
    backlog.look(at: [1: files])
    #expect(backlog.take(atMost: 2) == ["half", "a"])
    backlog.look(at: [1: [files[0], files[2]] + arrivals(["late"], from: 7)])
    #expect(backlog.take(atMost: 9) == ["b", "late", "half"])
    // Once all were looked at, they begin with the oldest again.
    backlog.look(at: [1: [files[0]] + arrivals(["later"], from: 8)])
    #expect(backlog.take(atMost: 9) == ["half", "later"])
  }

  /// A user of the property below.
  private struct User {
    /// In the order of their arrival.
    var files: [Backlog.Arrival] = []
    /// How many of them were taken, and seen.
    var (taken, seen) = (0, 0)
    /// How many files had been taken when his waiting began.
    var since = 0
  }

  /// Whoever comes when, and however much is taken at once: each file is taken once, those of one user
  /// in the order of their arrival, and while somebody waits nobody else is served twice.
  @Test(arguments: 0..<100) func nobodyWaitsForTwoFilesOfAnother(seed: UInt64) {
    var dice = SplitMix(seed: seed)
    var users = [User](repeating: User(), count: Int.random(in: 1...6, using: &dice))
    var backlog = Backlog()
    var served: [Int] = []
    for round in 0..<60 {
      for user in users.indices where Int.random(in: 0..<4, using: &dice) == 0 {
        let count = Int.random(in: 0...(user == 0 ? 20 : 2), using: &dice)
        let names = (0..<count).map { "\(user)-\(dice.next())-\($0)" }
        users[user].files += arrivals(names, from: 100 * round)
      }
      if backlog.isEmpty || Bool.random(using: &dice) {
        var there: [UInt32: [Backlog.Arrival]] = [:]
        for user in users.indices where users[user].taken < users[user].files.count {
          there[UInt32(user)] = users[user].files[users[user].taken...].shuffled(using: &dice)
          if users[user].seen == users[user].taken { users[user].since = served.count }
          users[user].seen = users[user].files.count
        }
        backlog.look(at: there)
      }
      for name in backlog.take(atMost: Int.random(in: 1...8, using: &dice)) {
        let heads = users.map { $0.taken < $0.seen ? $0.files[$0.taken].name : nil }
        guard let user = heads.firstIndex(of: name) else {
          Issue.record("\(name) is nobody's next file")
          return
        }
        let others = served[users[user].since...]
        #expect(Set(others).count == others.count)
        served.append(user)
        users[user].taken += 1
        users[user].since = served.count
      }
      #expect(backlog.isEmpty == users.allSatisfy { $0.taken == $0.seen })
    }
  }
}
