import DurableIO
import Jobs
import StrictJSON

/// What admission thinks of a file.
enum Verdict {
  case vanished
  /// It may be unfinished.
  case wait(String, Duration)
  case refuse(String)
  case command(Command, SubmittedFile)
  case job(SubmittedJob, SubmittedFile)
  /// Its jobs are good; if the file is claimed, only its keys are looked at.
  case array(JobArray, SubmittedFile)
}

/// A valid job with the JSON it was read from.
struct SubmittedJob {
  let spec: JobSpec
  let original: JSONValue
}

extension Admission {
  /// Judges the file at `path`.
  ///
  /// No proper prefix of a JSON object is one, so a half-copied file never passes for a job; it is
  /// refused only when nobody has touched it for a while.
  ///
  /// - isClaimed: in `claim/` the time of its last change is that of the claim, so that of its last
  ///   writing counts; in `drop/` its owner could set that.
  func judge(_ path: String, isClaimed: Bool) throws(SystemError) -> Verdict {
    switch try SubmittedFile.read(path, touched: { isClaimed ? $0.modified : $0.changed }) {
    case .vanished: return .vanished
    case .changing: return .wait("it is being written", .seconds(1))
    case .unfit(let reason): return .refuse(reason)
    case .unsettled(let reason, let touched): return refuseIfSettled(reason, touched)
    case .file(let file):
      do {
        switch try DropFile.parse(file.bytes, checkingMembers: !isClaimed) {
        case .job(let spec, let original):
          return .job(SubmittedJob(spec: spec, original: original), file)
        case .array(let array): return .array(array, file)
        case .command(let command): return .command(command, file)
        }
      } catch {
        switch error {
        case .incomplete, .malformed: return refuseIfSettled(error.description, file.touched)
        case .invalid: return .refuse(error.description)
        }
      }
    }
  }

  /// Judges what is at `path` under a name that no job or command file has: nobody knows what it
  /// is, but it may be renamed yet.
  func judgeMisnamed(_ path: String) throws(SystemError) -> Verdict {
    let status: FileStatus
    do {
      status = try FileStatus(ofLink: path)
    } catch  where error.isNotFound {
      return .vanished
    }
    let reason =
      status.kind == .directory
      ? SubmittedFile.directoryReason
      : "files are taken if their names match \(SubmittedFile.namePattern); rename it and submit "
        + "it again"
    return refuseIfSettled(reason, status.changed)
  }

  private func refuseIfSettled(_ reason: String, _ touched: FileStatus.Time) -> Verdict {
    let left = Int64(policy.settleSeconds) * 1000 - clock.age(of: Timestamp(touched))
    return left > 0 ? .wait(reason, .milliseconds(left)) : .refuse(reason)
  }
}
