import Testing
import Wire

@testable import Gateway

@Suite("A request whose stream ended without a whole answer")
struct StreamEndingTests {
    struct Row {
        var error: HTTP2ErrorCode
        var isUnprocessed = false
        var byPeer = false
        var connectionFailed = false
        var resends = 0
        var ending: StreamEnding
    }

    @Test(arguments: [
        // The upstream has said that it did nothing.
        Row(error: .refusedStream, isUnprocessed: true, ending: .sendAgain),
        Row(error: .refusedStream, isUnprocessed: true, byPeer: true, ending: .sendAgain),
        Row(error: .refusedStream, isUnprocessed: true, byPeer: true, resends: 2, ending: .sendAgain),
        Row(error: .refusedStream, isUnprocessed: true, byPeer: true, resends: 3, ending: .fail(.streamRefused)),
        // Refused after the head of an answer: then it did something.
        Row(error: .refusedStream, byPeer: true, ending: .fail(.streamReset("REFUSED_STREAM"))),
        Row(error: .cancel, byPeer: true, ending: .fail(.streamReset("CANCEL"))),
        Row(error: .noError, byPeer: true, ending: .fail(.streamReset("NO_ERROR"))),
        Row(error: .internalError, byPeer: true, ending: .fail(.streamReset("INTERNAL_ERROR"))),
        Row(error: .http11Required, byPeer: true, ending: .fail(.streamReset("HTTP_1_1_REQUIRED"))),
        Row(error: HTTP2ErrorCode(rawValue: 77), byPeer: true, ending: .fail(.streamReset("error 77"))),
        // A mistake in what came, of the stream or of the connection.
        Row(error: .protocolError, ending: .fail(.malformedAnswer("HTTP/2: PROTOCOL_ERROR"))),
        Row(error: .enhanceYourCalm, ending: .fail(.malformedAnswer("HTTP/2: ENHANCE_YOUR_CALM"))),
        Row(error: .compressionError, connectionFailed: true, ending: .fail(.malformedAnswer("HTTP/2: COMPRESSION_ERROR"))),
        Row(error: .cancel, byPeer: true, connectionFailed: true, ending: .fail(.malformedAnswer("HTTP/2: CANCEL"))),
    ])
    func rows(row: Row) {
        let closure = HTTP2StreamClosure(error: row.error, isUnprocessed: row.isUnprocessed)
        let ending = StreamEnding(
            closure, wasResetByPeer: row.byPeer, connectionFailed: row.connectionFailed, resends: row.resends)
        #expect(ending == row.ending)
        // What fails without proof may have been processed, and only what has proof may be said not to have been.
        if case .fail(let failure) = ending { #expect(failure.mayHaveBeenProcessed == !row.isUnprocessed) }
    }
}
