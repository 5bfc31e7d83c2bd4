import ArgumentParser
import Jobs
import StrictJSON

struct Schema: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the JSON Schema of job files, for editors.",
    discussion: """
      Save it and name it in a job file's key "$schema" to have your editor complete and check \
      keys.
      """)

  func run() throws {
    print(JobSpec.schemaDocument.serialized(pretty: true))
  }
}
