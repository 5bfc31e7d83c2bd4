import Glibc

/// A moment in UTC, to the millisecond; as text `2031-05-04T03:02:01.007Z` (RFC 3339).
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public let milliseconds: Int64

  /// The moment `milliseconds` after 1970-01-01T00:00:00Z, clamped to the years 1970 to 9999.
  public init(milliseconds: Int64) {
    self.milliseconds = min(max(milliseconds, 0), 253_402_300_799_999)
  }

  /// The system's clock.
  public static func now() -> Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  /// Reads what `description` writes; nil for anything else.
  public init?(_ text: String) {
    let numbers = text.utf8.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      .compactMap { Int64(Int32(String($0) ?? "") ?? -1) }
    guard numbers.count == 7, (1970...9999).contains(numbers[0]) else { return nil }
    let days = Timestamp.days(year: numbers[0], month: numbers[1], day: numbers[2])
    let seconds = ((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]
    self.init(milliseconds: seconds * 1000 + numbers[6])
    // What is out of range, or written otherwise, does not come out the same again.
    guard description == text else { return nil }
  }

  /// The moment as RFC 3339 text; texts sort as their moments do.
  public var description: String {
    let (days, time) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
    let (year, month, day) = Timestamp.date(days: days)
    func digits(_ value: Int64, _ count: Int) -> String {
      String(String(value + 10_000).suffix(count))
    }
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T"
      + "\(digits(time / 3_600_000, 2)):\(digits(time / 60_000 % 60, 2)):"
      + "\(digits(time / 1000 % 60, 2)).\(digits(time % 1000, 3))Z"
  }

  /// Whether `a` is before `b`.
  public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

  // The Gregorian calendar, after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": years
  // begin in March, so that the leap day is the last, and months 0 ..< 12 have 153 days in five.

  /// Days from 1970-01-01 to a date from 1970 on.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return y * 365 + y / 4 - y / 100 + y / 400 + dayOfYear - 719_468
  }

  /// The date that is `days` after 1970-01-01.
  private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = (days + 719_468).quotientAndRemainder(dividingBy: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    return (
      era * 400 + yearOfEra + (month >= 10 ? 1 : 0), month >= 10 ? month - 9 : month + 3,
      dayOfYear - (153 * month + 2) / 5 + 1
    )
  }
}

extension Duration {
  /// Whole milliseconds.
  package var milliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
