/// The two guarantees of the line, and nothing else: nothing goes upstream before its intent is recorded, and every recorded intent gets
/// exactly one outcome. Events come in, the action that the edge must perform goes out; no clock, no socket, no record's contents.
///
/// A throttled attempt may wait for another turn (`retrying`): the upstream did not process it, so it is sent again under the same intent.
/// So is one whose signature was refused for its time, at once.
///
/// ```
/// deciding --admitted--> recording --intentWritten--> forwarding --answered--> relaying --answerEnded--> done
///    \ refused              \ intentFailed: refused      \ failed, timed out       \ answer cut short
/// ```
public struct ExchangeState: Sendable, Equatable {
    public enum Phase: Sendable, Equatable {
        case deciding
        case recording
        case forwarding
        case relaying
        /// The upstream throttled the attempt; the next one waits for its turn.
        case retrying
        case done
    }

    /// How an allowed request ended; `terminal` in the outcome record.
    public enum Terminal: String, Sendable, CaseIterable {
        /// The upstream's whole answer came.
        case answered
        /// The answer began and was cut short: the status is known, the body is not.
        case answerCutShort
        /// No byte of the request left, or the upstream provably took none of it.
        case notSent
        /// Sent, no answer: whether the upstream acted is unknown.
        case unknown
    }

    public enum Event: Sendable, Equatable {
        case refused
        case admitted
        case intentWritten
        case intentFailed
        case callerGone
        case answered
        case answerEnded
        /// The upstream throttled this attempt, nothing of which was shown to the caller.
        case throttled
        /// The upstream refused this attempt's signature for its time, and nothing of that was shown to the caller.
        case signatureRefused
        /// The upstream exchange failed; `sent` is false only where the upstream provably processed nothing.
        case upstreamFailed(sent: Bool)
    }

    public enum Action: Sendable, Equatable {
        case none
        case writeRefusal
        case writeIntent
        case forward
        /// Answer the caller with a refusal; no record, because the record is what failed.
        case refuseUnrecorded
        /// Relay what the upstream answers from now on.
        case relay
        case writeOutcome(Terminal)
    }

    public private(set) var phase: Phase = .deciding
    /// The caller hung up: answers go nowhere, records are written all the same.
    public private(set) var isCallerGone = false

    public init() {}

    public mutating func handle(_ event: Event) -> Action {
        switch (phase, event) {
        case (_, .callerGone):
            isCallerGone = true
            guard phase == .deciding else { return .none }
            // Nothing is recorded yet and nobody waits: the exchange ends as a refusal of its own making.
            phase = .done
            return .writeRefusal
        case (.deciding, .refused):
            phase = .done
            return .writeRefusal
        case (.deciding, .admitted):
            phase = .recording
            return .writeIntent
        case (.recording, .intentFailed):
            phase = .done
            return .refuseUnrecorded
        case (.recording, .intentWritten):
            // A caller that left before anything was sent has taken its request back.
            if isCallerGone {
                phase = .done
                return .writeOutcome(.notSent)
            }
            phase = .forwarding
            return .forward
        case (.forwarding, .answered):
            phase = .relaying
            return .relay
        case (.forwarding, .upstreamFailed(let sent)):
            phase = .done
            return .writeOutcome(sent ? .unknown : .notSent)
        case (.relaying, .throttled):
            phase = .retrying
            return .none
        case (.retrying, .admitted):
            phase = .forwarding
            return .forward
        case (.relaying, .signatureRefused):
            phase = .forwarding
            return .forward
        case (.relaying, .answerEnded), (.retrying, .answerEnded):
            phase = .done
            return .writeOutcome(.answered)
        case (.relaying, .upstreamFailed):
            phase = .done
            return .writeOutcome(.answerCutShort)
        default:
            // Late news (an answer after a timeout, a second failure) changes nothing: the outcome is already written.
            return .none
        }
    }
}
