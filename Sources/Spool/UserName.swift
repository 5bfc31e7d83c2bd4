import GuardedFiles

/// What users are called where people read of them: their names, or their numbers where there are none.
public func userName(_ user: UInt32) -> String { accountName(user) ?? "user \(user)" }

/// The name of a user on this machine; nil if there is none, or that cannot be found out.
public func accountName(_ user: UInt32) -> String? { User.name(of: user) }
