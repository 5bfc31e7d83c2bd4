import Datasets
import DurableIO
import Images
import Jobs
import ModelFiles
import StrictJSON
import TensorFiles
import Training

/// Why a job's run ended before its results were published; decides the worker's exit code.
public enum JobFailure: Error, Equatable, CustomStringConvertible {
  /// The job or its input is at fault; running it again cannot help.
  case failed(reason: String)
  /// Stopped as asked, with a checkpoint.
  case stopped
  /// The machine is at fault (no space, no memory, a failing disk); running it again may help.
  case machine(reason: String)

  /// The reason, in one sentence.
  public var description: String {
    switch self {
    case .failed(let reason), .machine(let reason): reason
    case .stopped: "stopped as asked"
    }
  }
}

extension JobFailure {
  /// The failure with the place in the job file that it is about.
  func at(_ key: String) -> JobFailure {
    switch self {
    case .failed(let reason): .failed(reason: "\(key): \(reason)")
    case .machine(let reason): .machine(reason: "\(key): \(reason)")
    case .stopped: .stopped
    }
  }

  init(_ error: SystemError) {
    self = error.isTransient ? .machine(reason: "\(error)") : .failed(reason: "\(error)")
  }

  init(_ error: ModelFileError) {
    switch error {
    case .system(let error): self.init(error)
    case .unusable(let path, let problem):
      // Of a configuration, each of its problems is a line.
      let error = ModelFileError.unusable(path: path, problem: problem.inOneLine)
      self = .failed(reason: "\(error)")
    }
  }

  init(_ error: TensorFileError) {
    if case .system(let error) = error {
      self.init(error)
    } else {
      self = .failed(reason: "\(error)")
    }
  }

  init(_ error: DatasetError) {
    self = error.isTransient ? .machine(reason: "\(error)") : .failed(reason: "\(error)")
  }

  init(_ error: ImageError) {
    self = error.isTransient ? .machine(reason: "\(error)") : .failed(reason: "\(error)")
  }

  init(_ error: TrainingError) { self = .failed(reason: "\(error)") }
}

/// Runs `body`, and turns the errors of the modules below into a `JobFailure`.
func attempt<Result>(_ body: () throws -> Result) throws(JobFailure) -> Result {
  do {
    return try body()
  } catch let error as JobFailure {
    throw error
  } catch let error as SystemError {
    throw JobFailure(error)
  } catch let error as ModelFileError {
    throw JobFailure(error)
  } catch let error as TensorFileError {
    throw JobFailure(error)
  } catch let error as DatasetError {
    throw JobFailure(error)
  } catch let error as ImageError {
    throw JobFailure(error)
  } catch let error as TrainingError {
    throw JobFailure(error)
  } catch let error as JSONContentError {
    throw .failed(reason: error.description.inOneLine)
  } catch {
    throw .failed(reason: "\(error)")
  }
}
