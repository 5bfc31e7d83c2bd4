import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool

struct Model: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look into model folders: a train job's results, or any diffusers pipeline.",
    subcommands: [ModelShow.self, ModelVerify.self])
}

/// The model that a command is about.
struct ModelArgument: ParsableArguments {
  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "A model's folder, or the number or name of a finished train job.",
    completion: .models)
  var model: String

  /// The folder, absolute.
  func folder() throws -> String {
    let path = absolutePath(model)
    if try model.contains("/") || attempt({ try Directory.exists(path) }) { return path }
    let view = try spool.job(jobReference(model))
    guard view.kind == "train" else { throw Refusal("\(view.title) makes no model") }
    guard view.job.state == .done else {
      throw Refusal("there is no model: \(spool.ending(of: view))")
    }
    return view.directory.results
  }
}
