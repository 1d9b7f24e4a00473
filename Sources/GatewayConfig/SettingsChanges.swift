import GatewayCore

/// What differs between two configurations, in names: never a secret, never a phone number.
public struct SettingsChanges: Sendable, Equatable {
    /// One section of the configuration.
    public struct Section: Sendable, Equatable, CustomStringConvertible {
        /// `routes`, `callers` and so on.
        public var name: String
        public var added: [String] = []
        public var removed: [String] = []
        public var changed: [String] = []

        public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

        /// `added billing; changed local, provisioning`
        public var description: String {
            [("added", added), ("removed", removed), ("changed", changed)]
                .filter { !$0.1.isEmpty }
                .map { "\($0.0) \(Self.listed($0.1))" }
                .joined(separator: "; ")
        }

        private static let shownNames = 20

        private static func listed(_ names: [String]) -> String {
            let shown = names.prefix(shownNames).joined(separator: ", ")
            return names.count > shownNames ? "\(shown) and \(names.count - shownNames) more" : shown
        }
    }

    /// Those that differ, in the order of the reference.
    public var sections: [Section]

    public init(from old: Settings, to new: Settings) {
        sections = [
            Self.section("listeners", old.listeners.map { ("\($0.bind)", $0) }, new.listeners.map { ("\($0.bind)", $0) }),
            Self.section("credentials", old.credentials.map { ($0, $1) }, new.credentials.map { ($0, $1) }),
            Self.section("upstreams", old.upstreams.map { ($0.name, $0) }, new.upstreams.map { ($0.name, $0) }),
            Self.section("callers", (old.callers ?? []).map { ($0.name, $0) }, (new.callers ?? []).map { ($0.name, $0) }),
            Self.section("limits", old.limits.map { ($0.name, $0) }, new.limits.map { ($0.name, $0) }),
            Self.section("routes", old.routes.map { (Self.name($0), $0) }, new.routes.map { (Self.name($0), $0) }),
            Self.section("settings", Self.singles(old), Self.singles(new)),
        ].filter { !$0.isEmpty }
    }

    private static func name(_ route: RouteRule) -> String { "\(route.operation) (\(route.method) \(route.template))" }

    /// The sections that are one object each.
    private enum Single: Equatable {
        case admin(AdminSettings)
        case audit(AuditRule)
        case drain(DrainSettings)
        case limitStore(LimitStoreSettings)
        case watch(Bool)
    }

    private static func singles(_ settings: Settings) -> [(String, Single)] {
        var singles: [(String, Single)] = [("drain", .drain(settings.drain)), ("watch", .watch(settings.watchesFiles))]
        if let admin = settings.admin { singles.append(("admin", .admin(admin))) }
        if let audit = settings.audit { singles.append(("audit", .audit(audit))) }
        if let store = settings.limitStore { singles.append(("limitStore", .limitStore(store))) }
        return singles
    }

    /// Names in the order of the alphabet. A name that stands more than once (listeners on free ports) counts by its occurrences.
    private static func section<Value: Equatable>(_ name: String, _ old: [(String, Value)], _ new: [(String, Value)]) -> Section {
        let before = Dictionary(grouping: old, by: \.0).mapValues { $0.map(\.1) }
        let after = Dictionary(grouping: new, by: \.0).mapValues { $0.map(\.1) }
        var section = Section(name: name)
        for key in Set(before.keys).union(after.keys).sorted() {
            let (was, now) = (before[key] ?? [], after[key] ?? [])
            if was.count < now.count {
                section.added.append(key)
            } else if was.count > now.count {
                section.removed.append(key)
            } else if was != now {
                section.changed.append(key)
            }
        }
        return section
    }
}
