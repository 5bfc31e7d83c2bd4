import ArgumentParser
import Glibc
import ModelFiles
import StrictJSON

struct ModelShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print a model's architecture, and what working with it costs.",
    discussion: "Reads the configs and the headers of the weights. Memory is an estimate.")

  @OptionGroup var model: ModelArgument

  @Option(help: "Images in a batch, for the memory.")
  var batchSize = 64

  @Option(help: "Threads, for the memory. Default: one a processor.")
  var threads = sysconf(Int32(_SC_NPROCESSORS_ONLN))

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard batchSize > 0, threads > 0 else {
      throw ValidationError("--batch-size and --threads are 1 or more")
    }
  }

  func run() throws {
    do {
      let report = try ModelReport(
        of: DiffusersFolder(path: model.folder()), batchSize: batchSize, threads: threads)
      print(json ? report.json.serialized(pretty: true) : report.text)
    } catch let error as ModelFileError {
      throw Refusal("\(error)")
    }
  }
}
