import DurableIO
import Jobs
import Spool
import StrictJSON

/// A job that was submitted, and all that must be true of it.
final class TrackedJob {
  let file: JobFile
  /// Which of the file's jobs it is, from 0.
  let place: Int
  private(set) var content: Content
  /// What its results must be, with the steps as submitted.
  private(set) var recipe: Recipe
  /// Its place in the queue, as its file and accepted commands say.
  private(set) var queue: QueueSpec
  private let startsHeld: Bool

  // What was seen.
  var id: Int?
  var state: JobState?
  var entry: QueueEntry?
  /// The ends that it has come to since it was last made to run again.
  var ends: Set<JobState> = []
  /// It has not run for longer since it was last made to run again after an end.
  var mostRun = Duration.zero
  /// Since the results are there.
  var published: Publication?
  /// Whether the published results are known to be those of the reference.
  var isVerified = false
  /// The results that an extension has put aside.
  private(set) var publishedBefore: Publication?
  /// Whether it is out of the queue for good, and nobody had asked for that.
  var isGone = false

  // What was asked for.
  /// At most one command about a job is under way, so that their order is known.
  var pending: (command: JobCommand, file: HandedIn)?
  private(set) var accepted: [JobCommand] = []
  /// Whether something since the last look may have had the ended job run again.
  var isRevived = false

  /// - json: the job as its own file would be.
  init(_ file: JobFile, place: Int, _ recipe: Recipe, _ json: JSONValue) throws {
    self.file = file
    self.place = place
    self.recipe = recipe
    content = Content(json: json, sha256: SHA256.of(file.bytes).hex)
    queue = try JobSpec(json: json).queue
    startsHeld = queue.hold
  }

  /// A job as its envelope holds it.
  struct Content: Equatable {
    let json: JSONValue
    /// Of the file that it came in.
    let sha256: String
  }

  /// Results in their place: replaced, they would be others.
  struct Publication: Equatable {
    let inode: UInt64
    let manifest: FileStatus.Time

    /// Nil if there are none at `path`.
    init?(_ path: String) throws(SystemError) {
      do {
        inode = try FileStatus(ofLink: path).inode
        manifest = try FileStatus(ofLink: path + "/manifest.json").modified
      } catch  where error.isNotFound {
        return nil
      }
    }
  }

  /// Takes note of an accepted command.
  func accept(_ command: JobCommand, _ file: HandedIn) {
    accepted.append(command)
    if command.revives {
      ends = []
      if state?.isFinal == true { mostRun = .zero }
    }
    switch command {
    case .extend:
      publishedBefore = published
      published = nil
      isVerified = false
    case .prioritize(let priority): queue.priority = priority
    case .edit(let new):
      content = file.content(new)
      if new.spec.name != recipe.name { recipe = Recipe(named: new.spec.name) ?? recipe }
      queue = new.spec.queue
    case .cancel, .hold, .release, .retry, .remove: break
    }
  }

  /// What the job's results must be now.
  var outcome: Recipe {
    var recipe = recipe
    if isExtended { recipe.isExtended = true }
    return recipe
  }

  var isExtended: Bool { accepted.contains { $0.isExtension } }

  /// Whether the newest command that decides so has the job end.
  var isCancelled: Bool { newest { $0 == .cancel || $0.revives } == .cancel }

  /// Whether the newest command that decides so has the job wait.
  var isHeld: Bool {
    newest { $0.holds || $0 == .release || $0.revives }?.holds ?? startsHeld
  }

  /// Whether it has run for as long as it may.
  var isTimeUp: Bool {
    guard let limit = queue.timeLimit, let entry else { return false }
    return entry.secondsRun >= Double(limit)
  }

  /// Whether nothing that was asked for allows the job to be started from where it is.
  var mayNotStart: Bool {
    state != nil && pending == nil && (isHeld || isCancelled || isTimeUp)
  }

  /// Whether it waits to be released since it is there.
  var isHeldFromTheStart: Bool { startsHeld && pending == nil && accepted.isEmpty }

  /// Whether the job will not run again by what is known.
  var isOver: Bool { isGone || state?.isFinal == true && pending?.command.revives != true }

  /// Whether it may be over, or have been since the last look.
  var mayHaveEnded: Bool {
    state != .held || pending != nil || isRevived
  }

  /// Whether a command may be given about it.
  var canBeCommanded: Bool { id != nil && pending == nil && !isGone }

  private func newest(_ matches: (JobCommand) -> Bool) -> JobCommand? {
    accepted.last(where: matches)
  }
}

extension JobCommand {
  var isExtension: Bool { if case .extend = self { true } else { false } }

  /// Whether it has an ended job run again.
  var revives: Bool { self == .retry || isExtension }

  /// Whether it has a job wait that is not over.
  var holds: Bool {
    switch self {
    case .hold: true
    case .edit(let new): new.spec.queue.hold
    default: false
    }
  }
}
