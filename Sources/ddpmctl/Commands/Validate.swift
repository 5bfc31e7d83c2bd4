import ArgumentParser
import Jobs
import StrictJSON

struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check job files; needs no daemon.",
    discussion: """
      Everything that is wrong is said at once. The exit code is 65 if anything is. Of a train job it \
      is also said what memory and time it takes on this machine, by trying a step.
      """)

  @Flag(help: "Print the job, or the jobs of an array, with every default filled in, as JSON.")
  var json = false

  @Argument(help: "Job files; - is standard input.", completion: .file(extensions: ["json"]))
  var files: [String]

  func run() throws {
    var code: ExitCode?
    for path in files {
      do {
        let file = try JobFile(path)
        let cost = try file.cost()
        if json {
          let specs = try file.array.map { array in
            JSONValue.array(try (0..<array.count).map { try array.spec(of: $0).json })
          }
          print((specs ?? file.spec.json).serialized(pretty: true))
        } else if let array = file.array {
          print(
            "\(file.name): a good array of \(array.count) \(file.spec.kind) jobs, \(file.spec.name)"
          )
        } else {
          print("\(file.name): a good \(file.spec.kind) job, \(file.spec.name)")
        }
        if let cost {
          if !json {
            print("\(file.name): \(file.array == nil ? "it" : "the first") \(cost.text())")
          }
          if let warning = cost.warning { say("\(file.name): warning: \(warning)") }
        }
        if let folder = file.model?.reference.folder, let misfit = file.misfit(with: folder) {
          say("\(file.name): warning: \(misfit)")
        }
        for sentence in file.missingFiles { say("\(file.name): warning: \(sentence)") }
      } catch let refusal as Refusal {
        say(refusal.message)
        code = refusal.code
      }
    }
    if let code { throw code }
  }
}
