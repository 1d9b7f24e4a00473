import Testing

@testable import GatewayCore

@Suite("The two guarantees of an exchange")
struct ExchangeStateTests {
    typealias Event = ExchangeState.Event
    typealias Action = ExchangeState.Action

    struct Script: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [(Event, Action)]
        var end: ExchangeState.Phase
    }

    static let scripts = [
        Script(
            testDescription: "answered",
            steps: [(.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.answerEnded, .writeOutcome(.answered))],
            end: .done),
        Script(
            testDescription: "its signature refused for the time, signed again, answered",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.signatureRefused, .forward),
                (.answered, .relay),
                (.answerEnded, .writeOutcome(.answered)), (.signatureRefused, .none),
            ], end: .done),
        Script(testDescription: "refused", steps: [(.refused, .writeRefusal)], end: .done),
        Script(testDescription: "refused once", steps: [(.refused, .writeRefusal), (.refused, .none), (.admitted, .none)], end: .done),
        Script(
            testDescription: "hung up before a decision", steps: [(.callerGone, .writeRefusal), (.admitted, .none), (.refused, .none)],
            end: .done),
        Script(
            testDescription: "the intent cannot be written",
            steps: [(.admitted, .writeIntent), (.intentFailed, .refuseUnrecorded), (.intentWritten, .none)], end: .done),
        Script(
            testDescription: "hung up while the intent is written",
            steps: [(.admitted, .writeIntent), (.callerGone, .none), (.intentWritten, .writeOutcome(.notSent)), (.answered, .none)],
            end: .done),
        Script(
            testDescription: "hung up while the intent is written, which fails",
            steps: [(.admitted, .writeIntent), (.callerGone, .none), (.intentFailed, .refuseUnrecorded)], end: .done),
        Script(
            testDescription: "hung up after it was sent: the outcome is awaited",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.callerGone, .none), (.answered, .relay),
                (.answerEnded, .writeOutcome(.answered)),
            ],
            end: .done),
        Script(
            testDescription: "hung up while the answer is relayed",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.callerGone, .none),
                (.answerEnded, .writeOutcome(.answered)),
            ],
            end: .done),
        Script(
            testDescription: "not sent",
            steps: [(.admitted, .writeIntent), (.intentWritten, .forward), (.upstreamFailed(sent: false), .writeOutcome(.notSent))],
            end: .done),
        Script(
            testDescription: "no answer, and a late one",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.upstreamFailed(sent: true), .writeOutcome(.unknown)),
                (.answered, .none),
                (.answerEnded, .none), (.upstreamFailed(sent: false), .none),
            ], end: .done),
        Script(
            testDescription: "cut short",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay),
                (.upstreamFailed(sent: true), .writeOutcome(.answerCutShort)),
                (.answerEnded, .none),
            ], end: .done),
        Script(
            testDescription: "throttled, then answered",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.throttled, .none), (.admitted, .forward),
                (.answered, .relay),
                (.answerEnded, .writeOutcome(.answered)),
            ], end: .done),
        Script(
            testDescription: "throttled, and no other turn comes",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.throttled, .none),
                (.answerEnded, .writeOutcome(.answered)), (.admitted, .none),
            ],
            end: .done),
        Script(
            testDescription: "hung up between two attempts",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.throttled, .none), (.callerGone, .none),
                (.answerEnded, .writeOutcome(.answered)),
            ], end: .done),
        Script(
            testDescription: "the second attempt fails",
            steps: [
                (.admitted, .writeIntent), (.intentWritten, .forward), (.answered, .relay), (.throttled, .none), (.admitted, .forward),
                (.upstreamFailed(sent: true), .writeOutcome(.unknown)),
            ], end: .done),
        Script(
            testDescription: "news out of order",
            steps: [
                (.intentWritten, .none), (.answered, .none), (.answerEnded, .none), (.throttled, .none),
                (.upstreamFailed(sent: true), .none), (.intentFailed, .none),
            ], end: .deciding),
        Script(
            testDescription: "admitted twice",
            steps: [(.admitted, .writeIntent), (.admitted, .none), (.refused, .none), (.answered, .none)], end: .recording),
    ]

    @Test("Event by event", arguments: scripts)
    func script(script: Script) {
        var state = ExchangeState()
        for (number, step) in script.steps.enumerated() { #expect(state.handle(step.0) == step.1, "step \(number + 1)") }
        #expect(state.phase == script.end)
        #expect(state.isCallerGone == script.steps.contains { $0.0 == .callerGone })
    }

    @Test("A caller that left stays gone, and nothing is forwarded for it that was not sent before")
    func goneForGood() {
        for count in 0..<5 {
            var state = ExchangeState()
            for event in [Event.admitted, .intentWritten, .answered, .throttled].prefix(count) { _ = state.handle(event) }
            _ = state.handle(.callerGone)
            #expect(state.isCallerGone)
            if count < 2 { #expect(state.handle(.intentWritten) != .forward) }
        }
    }

    static let events: [Event] = [
        .refused, .admitted, .intentWritten, .intentFailed, .callerGone, .answered, .answerEnded, .throttled, .upstreamFailed(sent: true),
        .upstreamFailed(sent: false),
    ]

    /// What one run of events has led to.
    struct Tally {
        var intents = 0
        var forwards = 0
        var outcomes = 0
        var refusals = 0
        var unrecorded = 0
        var isIntentWritten = false

        mutating func run(_ event: Event, on state: inout ExchangeState) {
            let before = state.phase
            let action = state.handle(event)
            if before == .recording, event == .intentWritten { isIntentWritten = true }
            switch action {
            case .none: break
            case .writeIntent: intents += 1
            case .writeRefusal: refusals += 1
            case .refuseUnrecorded: unrecorded += 1
            case .forward:
                forwards += 1
                #expect(isIntentWritten, "forwarded before the intent was written")
                #expect(outcomes == 0, "forwarded after the outcome")
            case .relay: #expect(forwards > 0)
            case .writeOutcome:
                outcomes += 1
                #expect(isIntentWritten)
            }
            if before == .done { #expect(action == .none && state.phase == .done) }
        }

        func check(_ state: ExchangeState) {
            #expect(intents <= 1 && refusals <= 1 && outcomes <= 1 && unrecorded <= 1)
            #expect(outcomes + refusals + unrecorded == (state.phase == .done ? 1 : 0), "one end, and only one")
            if refusals == 1 { #expect(intents == 0 && forwards == 0) }
            if unrecorded == 1 { #expect(forwards == 0) }
            if forwards > 0, state.phase == .done { #expect(outcomes == 1) }
        }
    }

    @Test("Whatever comes in whatever order", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) {
        var generator = SeededGenerator(seed)
        for _ in 0..<20_000 {
            var state = ExchangeState()
            var tally = Tally()
            for _ in 0..<Int.random(in: 1...14, using: &generator) {
                guard let event = Self.events.randomElement(using: &generator) else { continue }
                tally.run(event, on: &state)
                tally.check(state)
            }
        }
    }

    @Test("Every sequence of five events")
    func exhaustive() {
        func extend(_ state: ExchangeState, _ tally: Tally, _ depth: Int) {
            tally.check(state)
            guard depth > 0 else { return }
            for event in Self.events {
                var next = state
                var counted = tally
                counted.run(event, on: &next)
                extend(next, counted, depth - 1)
            }
        }
        extend(ExchangeState(), Tally(), 5)
    }

    @Test(
        "From every state there is a way to the end",
        arguments: [
            [], [.admitted], [.admitted, .intentWritten], [.admitted, .intentWritten, .answered],
            [.admitted, .intentWritten, .answered, .throttled],
        ] as [[Event]])
    func wayOut(events: [Event]) {
        var state = ExchangeState()
        for event in events { _ = state.handle(event) }
        let ends = Self.events.filter { event in
            var next = state
            _ = next.handle(event)
            return next.phase == .done
        }
        #expect(!ends.isEmpty)
    }
}
