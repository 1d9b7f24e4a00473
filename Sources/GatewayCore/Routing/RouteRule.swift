/// What a path parameter may look like.
public enum ParameterFormat: String, Sendable, CaseIterable {
    /// `^\+[1-9][0-9]{1,14}$` (ITU-T E.164).
    case e164
    /// Anything that is not blank.
    case any
}

public struct ParameterRule: Sendable, Equatable {
    public var name: String
    public var format: ParameterFormat
    /// Decoded values that nobody may name: protected numbers.
    public var deny: [String]
    /// A decoded value must begin with one of these; empty: with anything.
    public var allowPrefix: [String]

    public init(name: String, format: ParameterFormat = .any, deny: [String] = [], allowPrefix: [String] = []) {
        self.name = name
        self.format = format
        self.deny = deny
        self.allowPrefix = allowPrefix
    }
}

/// What one caller may name on a route, beyond what the route says itself.
public struct RouteCallerRule: Sendable, Equatable {
    public var name: String
    /// Parameters without a condition are left out; `format` means nothing here.
    public var parameters: [ParameterRule]

    public init(name: String, parameters: [ParameterRule]) {
        self.name = name
        self.parameters = parameters
    }
}

/// What becomes of a request that the policy forbids.
public enum PolicyMode: String, Sendable, CaseIterable {
    case enforce
    /// It goes through, and its record says that it would have been refused.
    case report
}

/// Phone numbers stay out of every description, `dump` included.
extension ParameterRule: CustomStringConvertible, CustomReflectable {
    public var description: String { "\(name): \(format.rawValue), \(deny.count) denied" }
    public var customMirror: Mirror { Mirror(self, children: ["name": name, "format": format, "denied": deny.count]) }
}

/// One segment of a path template.
public enum TemplateSegment: Sendable, Equatable {
    case literal(String)
    case parameter(String)
}

/// One entry of `routes` in the configuration.
public struct RouteRule: Sendable, Equatable {
    public var operation: String
    public var method: String
    /// As configured: `/phone-numbers/{phoneNumberId}`.
    public var template: String
    public var segments: [TemplateSegment]
    /// The key in `upstreams`.
    public var upstream: String
    public var parameters: [ParameterRule]
    /// Caller names; nil means `["*"]`.
    public var callers: [String]?
    /// Of those callers that have conditions of their own.
    public var callerConditions: [RouteCallerRule]
    public var mode: PolicyMode
    /// Keys in `limits`, in the order given.
    public var limits: [String]
    public var throttleStyle: ThrottleStyle
    /// Whether the operation has a request body. Default: true for POST, PUT and PATCH.
    public var allowsBody: Bool
    /// Whether the operation has a query string. Default: false.
    public var allowsQuery: Bool

    public init(
        operation: String, method: String, template: String, segments: [TemplateSegment], upstream: String,
        parameters: [ParameterRule] = [], callers: [String]? = nil, callerConditions: [RouteCallerRule] = [], mode: PolicyMode = .enforce,
        limits: [String] = [], throttleStyle: ThrottleStyle = .modeled, allowsBody: Bool = false, allowsQuery: Bool = false
    ) {
        self.operation = operation
        self.method = method
        self.template = template
        self.segments = segments
        self.upstream = upstream
        self.parameters = parameters
        self.callers = callers
        self.callerConditions = callerConditions
        self.mode = mode
        self.limits = limits
        self.throttleStyle = throttleStyle
        self.allowsBody = allowsBody
        self.allowsQuery = allowsQuery
    }
}
