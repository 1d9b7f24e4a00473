#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where `"${NAME}"` is looked up.
public struct EnvironmentVariables: Sendable, ExpressibleByDictionaryLiteral {
    private let lookup: @Sendable (String) -> String?

    private init(lookup: @escaping @Sendable (String) -> String?) {
        self.lookup = lookup
    }

    public init(_ values: [String: String]) {
        self.init { values[$0] }
    }

    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(Dictionary(elements) { _, last in last })
    }

    /// The environment of this process.
    public static let process = EnvironmentVariables { name in
        getenv(name).map { String(cString: $0) }
    }

    public subscript(name: String) -> String? { lookup(name) }
}
