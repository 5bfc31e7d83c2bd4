import DurableIO
import Jobs
import Spool
import StrictJSON

/// A file that was put into `drop/`.
struct HandedIn {
  let fileName: String
  /// Nil for a file that was copied as anybody would.
  let token: Submission.Token?
}

/// What became of a file.
enum Answer: Equatable {
  case pending
  /// With the number that a receipt says.
  case accepted(Int?)
  case refused(String)
}

/// A job that was submitted, and all that must be true of it.
final class TrackedJob {
  /// With the steps as submitted.
  let recipe: Recipe
  let bytes: [UInt8]
  let json: JSONValue
  let key: String?
  let startsHeld: Bool
  /// The job that this one is to run after.
  let maker: TrackedJob?
  let needsMakerDone: Bool
  /// One, or with an idempotency key several.
  var submissions: [HandedIn] = []

  // What was seen.
  var id: Int?
  var state: JobState?
  /// Since the results are there.
  var published: Publication?
  /// Whether the published results are known to be those of the reference.
  var isVerified = false
  /// The results that an extension has put aside.
  private(set) var publishedBefore: Publication?

  // What was asked for.
  /// At most one command about a job is under way, so that their order is known.
  var pending: (command: JobCommand, file: HandedIn)?
  private(set) var accepted: [JobCommand] = []
  /// Whether something since the last look may have had the ended job run again.
  var isRevived = false

  init(
    _ recipe: Recipe, _ job: JSONObject, key: String?, startsHeld: Bool,
    maker: TrackedJob?, needsMakerDone: Bool
  ) {
    self.recipe = recipe
    json = .object(job)
    bytes = Array(json.serialized(pretty: true).utf8)
    self.key = key
    self.startsHeld = startsHeld
    self.maker = maker
    self.needsMakerDone = needsMakerDone
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
  func accept(_ command: JobCommand) {
    accepted.append(command)
    if command.isExtension {
      publishedBefore = published
      published = nil
      isVerified = false
    }
  }

  /// What the job's results must be now.
  var outcome: Recipe {
    var recipe = recipe
    if isExtended { recipe.steps = Recipe.extendedSteps }
    return recipe
  }

  var isExtended: Bool { accepted.contains { $0.isExtension } }

  /// Whether the newest command that decides so has the job end.
  var isCancelled: Bool { newest { $0 == .cancel || $0.revives } == .cancel }

  /// Whether the newest command that decides so has the job wait.
  var isHeld: Bool {
    switch newest({ $0 == .hold || $0 == .release || $0.revives }) {
    case .hold: true
    case nil: startsHeld
    default: false
    }
  }

  /// Whether nothing that was asked for allows the job to be started from where it is.
  var mayNotStart: Bool { state != nil && pending == nil && (isHeld || isCancelled) }

  /// Whether the job may have been let go, or ended, by what was asked for.
  var wasCommanded: Bool { pending != nil || !accepted.isEmpty }

  /// Whether it was ever made to run again, which is not always to wait again.
  var wasRevived: Bool { accepted.contains(where: \.revives) || pending?.command.revives == true }

  /// Whether it was ever kept from being done.
  var mayHaveFallen: Bool {
    accepted.contains(.cancel) || pending?.command == .cancel || state == .failed
      || state == .cancelled
  }

  /// Whether the job will not run again by what is known.
  var isOver: Bool { state?.isFinal == true && pending?.command.revives != true }

  /// For people.
  var names: String { submissions.map(\.fileName).joined(separator: ", ") }

  private func newest(_ matches: (JobCommand) -> Bool) -> JobCommand? {
    accepted.last(where: matches)
  }
}

extension JobCommand {
  var isExtension: Bool { if case .extend = self { true } else { false } }

  /// Whether it has an ended job run again.
  var revives: Bool { self == .retry || isExtension }
}
