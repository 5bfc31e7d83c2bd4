import StrictJSON

extension Timestamp {
  static let codec = JSONCodec(
    allowed: "a time like \"2031-05-04T03:02:01.007Z\"",
    schema: ["type": "string", "format": "date-time"],
    recognize: { $0.string.flatMap { Timestamp($0) } }, encode: { .string($0.description) })
}
