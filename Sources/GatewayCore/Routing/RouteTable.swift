/// A request whose route is known and whose id is in its one right form. Made by `RouteTable` alone.
///
/// A class, so that the permits and the record that carry it on count one reference instead of three.
public final class MatchedRequest: Sendable {
    public let identified: IdentifiedRequest
    /// Index into the route table.
    public let route: Int
    /// The path for the wire: every segment encoded once, `/phone-numbers/%2B12065550100`.
    public let wirePath: [UInt8]
    /// Decoded values in the order of the route's parameters.
    public let parameters: [[UInt8]]
    /// The canonical query, without `?`; empty where there is none.
    public let query: [UInt8]

    fileprivate init(identified: IdentifiedRequest, route: Int, wirePath: [UInt8], parameters: [[UInt8]], query: [UInt8]) {
        self.identified = identified
        self.route = route
        self.wirePath = wirePath
        self.parameters = parameters
        self.query = query
    }
}

/// Why a request found no route, and which route it was for if that much is known: the audit record names the operation then.
public struct Unmatched: Sendable {
    public let refusal: Refusal
    public let route: Int?
}

public enum Matching: Sendable {
    case granted(MatchedRequest)
    case refused(Unmatched)
}

/// All routes of a configuration, compiled.
public struct RouteTable: Sendable {
    /// A class, so that a stage that looks at it counts one reference instead of a dozen.
    public final class Route: Sendable {
        public let rule: RouteRule
        let method: [UInt8]
        let segments: [Segment]
        /// In the order in which the template names them.
        public let parameters: [ParameterRule]
        /// The template as bytes, for audit records that must not hold the id.
        public let templateBytes: [UInt8]
        public let operationBytes: [UInt8]
        public let methodBytes: [UInt8]
        public let subjectName: [UInt8]
        /// Whether a freeze stops it.
        public let isDestructive: Bool

        init(_ rule: RouteRule) {
            var parameters: [ParameterRule] = []
            segments = rule.segments.map { segment in
                switch segment {
                case .literal(let text): return .literal(Array(text.utf8))
                case .parameter(let name):
                    parameters.append(rule.parameters.first { $0.name == name } ?? ParameterRule(name: name))
                    return .parameter
                }
            }
            self.rule = rule
            self.parameters = parameters
            method = Array(rule.method.utf8)
            templateBytes = Array(rule.template.utf8)
            operationBytes = Array(rule.operation.utf8)
            methodBytes = method
            subjectName = Array((parameters.first?.name ?? "id").utf8)
            isDestructive = Freeze.isDestructive(method: rule.method)
        }
    }

    enum Segment: Sendable {
        case literal([UInt8])
        case parameter
    }

    public let routes: [Route]

    public init(rules: [RouteRule]) {
        routes = rules.map { Route($0) }
    }

    /// Finds the route by method and path, checks every parameter, and writes the path in its one right form.
    ///
    /// Order: what is ambiguous about the path as such comes first (400 on any route), then whether there is a route (404), then whether its
    /// id is right (400), then whether it may carry a query or a body (400).
    public func match(_ head: RequestHead, _ identified: IdentifiedRequest) -> Matching {
        let path: TargetPath
        switch TargetPath.parse(head) {
        case .refused(let refusal): return .refused(Unmatched(refusal: refusal, route: nil))
        case .granted(let parsed): path = parsed
        }
        guard let index = routes.firstIndex(where: { matches($0, head, path) }) else {
            let stray = path.segments.count > 1 && path.segments.last?.isEmpty == true
            return .refused(Unmatched(refusal: stray ? TargetPath.emptySegment : Self.noRoute, route: nil))
        }
        let route = routes[index]
        var parameters: [[UInt8]] = []
        for position in route.segments.indices {
            guard case .parameter = route.segments[position] else { continue }
            let value = path[position]
            if let refusal = ParameterCheck.check(value, route.parameters[parameters.count].format) {
                return .refused(Unmatched(refusal: refusal, route: index))
            }
            parameters.append(Array(value))
        }
        var query: [UInt8] = []
        if let range = path.query {
            guard route.rule.allowsQuery else { return .refused(Unmatched(refusal: Self.unexpectedQuery, route: index)) }
            switch CanonicalQuery.make(head.fields[range]) {
            case .refused(let refusal): return .refused(Unmatched(refusal: refusal, route: index))
            case .granted(let canonical): query = canonical
            }
        }
        if !route.rule.allowsBody, Self.announcesBody(head) {
            return .refused(Unmatched(refusal: Self.unexpectedBody, route: index))
        }
        return .granted(
            MatchedRequest(identified: identified, route: index, wirePath: encode(path), parameters: parameters, query: query))
    }

    /// Over HTTP/2 a head without a length says nothing: an empty frame may end the stream later (RFC 9113 section 8.1). Whoever takes the body
    /// then refuses its first byte with `unexpectedBody`.
    private static func announcesBody(_ head: RequestHead) -> Bool {
        switch head.framing {
        case .none, .length(0): false
        case .chunked: head.version != .http2
        case .length, .untilClose: true
        }
    }

    private func matches(_ route: Route, _ head: RequestHead, _ path: TargetPath) -> Bool {
        guard route.segments.count == path.segments.count, route.method.elementsEqual(head.fields[head.method]) else { return false }
        for position in route.segments.indices {
            if case .literal(let text) = route.segments[position], !text.elementsEqual(path[position]) { return false }
        }
        return true
    }

    private func encode(_ path: TargetPath) -> [UInt8] {
        path.decoded.withUnsafeBufferPointer { decoded in
            // At most a slash for each segment and three bytes for each byte.
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: path.segments.count + 3 * decoded.count) { wire in
                var count = 0
                for segment in path.segments {
                    wire[count] = UInt8(ascii: "/")
                    count += 1
                    for index in segment { count += PercentEncoding.write(decoded[index], to: wire, at: count) }
                }
                return Array(UnsafeBufferPointer(rebasing: wire[..<count]))
            }
        }
    }

    private static let noRoute = Refusal(
        .notFound, "route/none", "No route has this method and path: this gateway serves only the operations that its operator listed.")
    private static let unexpectedQuery = Refusal(
        .badRequest, "query/unexpected", "This operation has no query string: send the path alone.")
    /// 400, for content where the operation has none.
    public static let unexpectedBody = Refusal(
        .badRequest, "body/unexpected", "This operation has no request body: send none.", closesConnection: true)
}
