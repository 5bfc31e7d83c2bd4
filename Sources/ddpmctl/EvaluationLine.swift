import DurableIO
import Jobs
import StrictJSON

/// What a finished evaluate job found, in a line:
/// "ema 3.412 ± 0.021, raw 3.467 ± 0.022 bits/dim on 1000 images".
///
/// Nil for results without an `evaluation.json` of the kind that is known here.
func evaluationLine(_ directory: JobDirectory) -> String? {
  guard let bytes = try? readFile(directory.results + "/evaluation.json", limit: 1 << 28),
    let json = try? JSONValue(parsing: bytes), let images = json["images"]?.int
  else { return nil }
  let models = (json["results"]?.array ?? []).compactMap { result -> String? in
    guard let name = result["weights"]?.string, let bits = result["nll"]?["bits_per_dim"]?.double
    else { return nil }
    let error = result["nll"]?["standard_error"]?.double
    return "\(name) \(significant(bits, digits: 4))"
      + (error.map { " ± \(significant($0, digits: 2))" } ?? "")
  }
  if models.isEmpty { return nil }
  return models.joined(separator: ", ") + " bits/dim on \(images) image\(images == 1 ? "" : "s")"
}
