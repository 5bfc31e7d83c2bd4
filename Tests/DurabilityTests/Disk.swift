import DurableIO

/// A file system as a power cut leaves it, in the worst way that the promises of POSIX and of the
/// journalling file systems allow. It is fed the calls of a recording.
///
/// **Data** of a file is on the disk once the file is synced. What was written since may be lost, or
/// be there in part, or as zeros. **Names** are on the disk once their directory is synced. Each
/// change of names since may be there or not, whatever became of those before and after it.
///
/// A rename within a directory happens wholly or not at all. One from a directory to another may
/// be found half done, with the file under both its names; under neither only where the directory
/// that lost it was synced before the one that gained it: a sync does what it says and no more.
struct Disk {
  typealias Inode = Int

  private struct File {
    var isDirectory: Bool
    var current: [UInt8] = []
    var durable: [UInt8] = []
    /// Counts the changes of the content.
    var version = 0
    var durableVersion = 0
  }

  fileprivate struct Slot: Hashable {
    var directory: Inode
    var name: String
  }

  /// A change of names that is not on the disk for certain.
  struct Change {
    let id: Int
    fileprivate let entries: [(slot: Slot, inode: Inode?)]
    /// The change without which this one is not there, as long as nobody syncs just this one.
    let needs: Int?
  }

  /// What becomes of data that is not on the disk for certain.
  enum Damage: Int, CaseIterable {
    case lost, torn, zeros
  }

  /// What a power cut takes away.
  struct Loss: Hashable {
    var changes: Set<Int> = []
    var data: [Inode: Damage] = [:]
  }

  private let root: String
  private var files = [File(isDirectory: true)]
  private var names: [Inode: [String: Inode]] = [:]
  private var durableNames: [Inode: [String: Inode]] = [:]
  private var descriptors: [Int32: Inode] = [:]
  private var nextChange = 0
  /// The changes of names that a power cut may take away, in their order.
  private(set) var pending: [Change] = []
  /// The files that have data which it may take away.
  private(set) var dirty: [Inode] = []

  /// An empty disk, mounted at `root`.
  init(root: String) { self.root = root }

  /// A disk that holds what is in `folder`, all of it durable.
  init(root: String, holding folder: String) throws {
    self.init(root: root)
    var known: [UInt64: Inode] = [:]
    func read(_ directory: Inode, _ path: String) throws {
      for name in try Directory.names(in: path) {
        let status = try FileStatus(ofLink: path + "/" + name)
        let inode = known[status.inode] ?? create(isDirectory: status.kind == .directory)
        known[status.inode] = inode
        durableNames[directory, default: [:]][name] = inode
        if files[inode].isDirectory {
          try read(inode, path + "/" + name)
        } else {
          files[inode].durable = try readFile(path + "/" + name)
          files[inode].current = files[inode].durable
        }
      }
    }
    try read(0, folder)
    names = durableNames
  }

  // MARK: Calls

  /// Takes note of a call; false if it changes nothing.
  mutating func apply(_ event: RecordingFileSystem.Event) -> Bool {
    switch event {
    case .write(let call, let offset, let bytes):
      return change(call) { content in
        content += [UInt8](repeating: 0, count: max(offset + bytes.count - content.count, 0))
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      }
    case .call(let call, let result):
      switch call.operation {
      case "open":
        let found = inode(call.path)
        defer { descriptors[Int32(result)] = inode(call.path) }
        guard found == nil, call.creates, let slot = slot(call.path) else { return false }
        add([(slot, create(isDirectory: false))])
      case "make the directory":
        guard let slot = slot(call.path) else { return false }
        add([(slot, create(isDirectory: true))])
      case "rename":
        guard let old = slot(call.path), let new = call.target.flatMap(slot),
          let inode = names[old.directory]?[old.name]
        else { return false }
        if old.directory == new.directory {
          add([(new, inode), (old, nil)])
        } else {
          add([(old, nil)], needing: add([(new, inode)]))
        }
      case "remove":
        guard let slot = slot(call.path) else { return false }
        add([(slot, nil)])
      case "truncate":
        return change(call) { content in
          let size = call.size ?? 0
          content =
            content.prefix(size) + [UInt8](repeating: 0, count: max(size - content.count, 0))
        }
      case "sync":
        guard let inode = call.descriptor.flatMap({ descriptors[$0] }) else { return false }
        settleData(of: inode)
        settle { $0.entries.contains { $0.slot.directory == inode } }
      case "sync the file system of":
        for inode in dirty { settleData(of: inode) }
        settle { _ in true }
      default: return false
      }
      return true
    }
  }

  private mutating func create(isDirectory: Bool) -> Inode {
    files.append(File(isDirectory: isDirectory))
    return files.count - 1
  }

  private mutating func change(_ call: FileCall, _ body: (inout [UInt8]) -> Void) -> Bool {
    guard let inode = call.descriptor.flatMap({ descriptors[$0] }) else { return false }
    body(&files[inode].current)
    files[inode].version += 1
    if !dirty.contains(inode) { dirty.append(inode) }
    return true
  }

  @discardableResult
  private mutating func add(
    _ entries: [(slot: Slot, inode: Inode?)], needing other: Int? = nil
  ) -> Int {
    for (slot, inode) in entries { names[slot.directory, default: [:]][slot.name] = inode }
    pending.append(Change(id: nextChange, entries: entries, needs: other))
    nextChange += 1
    return nextChange - 1
  }

  private mutating func settleData(of inode: Inode) {
    files[inode].durable = files[inode].current
    files[inode].durableVersion = files[inode].version
    dirty.removeAll { $0 == inode }
  }

  /// Puts changes on the disk.
  private mutating func settle(_ isSettled: (Change) -> Bool) {
    let ids = Set(pending.filter(isSettled).map(\.id))
    for change in pending where ids.contains(change.id) {
      for (slot, inode) in change.entries {
        durableNames[slot.directory, default: [:]][slot.name] = inode
      }
    }
    pending.removeAll { ids.contains($0.id) }
  }

  private func slot(_ path: String) -> Slot? {
    guard let cut = path.lastIndex(of: "/"), let directory = inode(String(path[..<cut])) else {
      return nil
    }
    return Slot(directory: directory, name: String(path[path.index(after: cut)...]))
  }

  private func inode(_ path: String) -> Inode? {
    guard path == root || path.hasPrefix(root + "/") else { return nil }
    var inode = 0
    for name in path.dropFirst(root.count).split(separator: "/") {
      guard let next = names[inode]?[String(name)] else { return nil }
      inode = next
    }
    return inode
  }

  /// Whether less of a file's data is on this disk than on another one that got the same calls, or
  /// more of them.
  func hasLess(of inode: Inode, than other: Disk) -> Bool {
    files[inode].durableVersion < other.files[inode].durableVersion
  }

  // MARK: After the cut

  /// `loss` with what cannot be there without what is lost.
  func closed(_ loss: Loss) -> Loss {
    var loss = loss
    for change in pending where change.needs.map(loss.changes.contains) ?? false {
      loss.changes.insert(change.id)
    }
    return loss
  }

  /// A name below the root after a power cut.
  struct Entry: Hashable {
    var path: String
    var inode: Inode
    var version: Int
    var damage: Damage?
  }

  /// All names after a power cut, directories before what is in them.
  func entries(after loss: Loss) -> [Entry] {
    var names = durableNames
    for change in pending where !loss.changes.contains(change.id) {
      for (slot, inode) in change.entries {
        names[slot.directory, default: [:]][slot.name] = inode
      }
    }
    var entries: [Entry] = []
    func visit(_ directory: Inode, _ path: String) {
      for (name, inode) in (names[directory] ?? [:]).sorted(by: { $0.value < $1.value }) {
        let damage = loss.data[inode]
        let file = files[inode]
        entries.append(
          Entry(
            path: path + name, inode: inode,
            version: damage == .lost ? file.durableVersion : file.version,
            damage: damage == .lost ? nil : damage))
        if file.isDirectory { visit(inode, path + name + "/") }
      }
    }
    visit(0, "")
    return entries
  }

  func isDirectory(_ entry: Entry) -> Bool { files[entry.inode].isDirectory }

  /// The content of a file after a power cut.
  func content(of entry: Entry, after loss: Loss) -> [UInt8] {
    let file = files[entry.inode]
    guard let damage = loss.data[entry.inode] else { return file.current }
    let same = zip(file.current, file.durable).prefix { $0 == $1 }.count
    switch damage {
    case .lost: return file.durable
    case .torn: return Array(file.current.prefix((same + file.current.count) / 2))
    case .zeros:
      return file.current.prefix(same)
        + [UInt8](repeating: 0, count: file.current.count - same)
    }
  }
}
