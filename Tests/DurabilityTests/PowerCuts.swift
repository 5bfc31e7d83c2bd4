import DurableIO
import Glibc
import TestSupport

/// Looks what is left of promises after power cuts.
final class PowerCuts {
  /// What was looked at: what was on the disk, and what was promised.
  private struct Case: Hashable {
    var entries: [Disk.Entry]
    var promise: Int
  }

  private let recording: Recording
  private var seen: Set<Case> = []
  /// How many states of the disk were recovered.
  private(set) var count = 0

  init(_ recording: Recording) { self.recording = recording }

  /// Cuts the power after every call, in every way that `losses` names; returns what is wrong then.
  ///
  /// - atTheEnd: only after the last call.
  func violations(atTheEnd: Bool = false) throws -> [String] {
    var disk = recording.before
    let last = recording.events.count - 1
    for (index, event) in recording.events.enumerated() {
      guard disk.apply(event) && !atTheEnd || index == last else { continue }
      // What was written can be lost, or torn, after the next call as well.
      if case .write = event { continue }
      for loss in losses(of: disk) {
        let found = try violations(disk, loss, after: index + 1)
        if !found.isEmpty { return found }
      }
    }
    return []
  }

  /// The same for code without one of `recording.syncs`, with the losses that come of that.
  func violations(without sync: String) throws -> [String] {
    var real = recording.before
    var disk = real
    let last = recording.events.count - 1
    for (index, event) in recording.events.enumerated() {
      let isChange = real.apply(event)
      if case .call(let call, _) = event, recording.name(ofSync: call) == sync {
      } else {
        _ = disk.apply(event)
      }
      if case .write = event { continue }
      guard isChange || index == last else { continue }
      for loss in losses(of: disk, beyond: real) {
        let found = try violations(disk, loss, after: index + 1)
        if !found.isEmpty { return found }
      }
    }
    return []
  }

  /// The ways of a power cut that are tried: all of them where few things can be lost, else all is
  /// lost, or nothing, or one of the latest things, or all but that one, or some at random; and the
  /// latest data is damaged.
  private func losses(of disk: Disk) -> Set<Disk.Loss> {
    let changes = disk.pending.map(\.id)
    func loss(_ isLost: (Int) -> Bool) -> Disk.Loss {
      var loss = Disk.Loss(changes: Set(changes.indices.filter(isLost).map { changes[$0] }))
      for (index, inode) in disk.dirty.enumerated() where isLost(changes.count + index) {
        loss.data[inode] = .lost
      }
      return disk.closed(loss)
    }
    let count = changes.count + disk.dirty.count
    var losses: Set<Disk.Loss>
    if count <= 3 {
      losses = Set((0..<1 << count).map { subset in loss { subset >> $0 & 1 == 1 } })
    } else {
      losses = [loss { _ in true }, loss { _ in false }]
      for index in changes.indices.suffix(2) {
        losses.formUnion([loss { $0 == index }, loss { $0 != index }])
      }
      var random = SplitMix(seed: UInt64(changes.last ?? 0))
      for _ in 0..<2 {
        let subset = random.next()
        losses.insert(loss { subset >> ($0 % 64) & 1 == 1 })
      }
    }
    for inode in disk.dirty.suffix(2) {
      for damage in [Disk.Damage.torn, .zeros] { losses.insert(Disk.Loss(data: [inode: damage])) }
    }
    return losses
  }

  /// Losses of what is not on `disk` for certain and is on `real`.
  private func losses(of disk: Disk, beyond real: Disk) -> Set<Disk.Loss> {
    let changes = Set(disk.pending.map(\.id)).subtracting(real.pending.map(\.id))
    let dirty = disk.dirty.filter { disk.hasLess(of: $0, than: real) }
    if changes.isEmpty && dirty.isEmpty { return [] }
    let all = Disk.Loss(
      changes: changes, data: Dictionary(uniqueKeysWithValues: dirty.map { ($0, .lost) }))
    var losses: Set = [
      disk.closed(all),
      Disk.Loss(
        changes: Set(disk.pending.map(\.id)),
        data: Dictionary(uniqueKeysWithValues: disk.dirty.map { ($0, .lost) })),
    ]
    for change in Set(changes.sorted().prefix(3) + changes.sorted().suffix(3)) {
      losses.insert(disk.closed(Disk.Loss(changes: [change])))
    }
    for inode in dirty.suffix(1) {
      for damage in Disk.Damage.allCases { losses.insert(Disk.Loss(data: [inode: damage])) }
    }
    return losses
  }

  /// Two of the states of each kind that a rename left half done, in folders that `body` is given.
  func forHalfDoneMoves(_ body: (String, Int) throws -> Void) throws {
    var disk = recording.before
    var counts: [String: Int] = [:]
    for (index, event) in recording.events.enumerated() {
      guard disk.apply(event), let half = disk.pending.last, half.needs != nil,
        case .call(let call, _) = event, let target = call.target
      else { continue }
      let kind = [call.path, target].map { $0.split(separator: "/").dropLast().suffix(2) }
      guard counts["\(kind)", default: 0] < 2 else { continue }
      counts["\(kind)", default: 0] += 1
      let loss = Disk.Loss(changes: [half.id])
      let folder = try TemporaryFolder(inMemory: true)
      try disk.write(disk.entries(after: loss), after: loss, to: folder.path)
      try body(folder.path, index + 1)
    }
  }

  private func violations(
    _ disk: Disk, _ loss: Disk.Loss, after count: Int
  ) throws -> [String] {
    let entries = disk.entries(after: loss)
    let promise = recording.promise(after: count)
    guard seen.insert(Case(entries: entries, promise: promise.number)).inserted else { return [] }
    self.count += 1
    let folder = try TemporaryFolder(inMemory: true)
    try disk.write(entries, after: loss, to: folder.path)
    let found = promise.violations(folder.path)
    let call =
      switch recording.events[count - 1] {
      case .call(let call, _), .write(let call, _, _): call
      }
    return found.map { "after \(call): \($0)" }
  }
}

extension Disk {
  /// Makes in `folder` what a power cut leaves.
  func write(_ entries: [Entry], after loss: Loss, to folder: String) throws {
    var written: [Inode: String] = [:]
    for entry in entries {
      let path = folder + "/" + entry.path
      if isDirectory(entry) {
        guard unsafe mkdir(path, 0o755) == 0 else { throw Broken(what: "mkdir \(path)") }
      } else if let other = written.updateValue(path, forKey: entry.inode) {
        guard unsafe link(other, path) == 0 else { throw Broken(what: "link \(path)") }
      } else {
        try OpenFile(path, flags: O_WRONLY | O_CREAT).write(content(of: entry, after: loss))
      }
    }
  }
}
