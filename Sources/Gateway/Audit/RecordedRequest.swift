import GatewayCore

/// A request whose intent is recorded as durably as the configuration asks for. Made where the audit stage says so, and nowhere else.
struct RecordedRequest {
    let admitted: AdmittedRequest
    let head: RequestHead

    init(_ admitted: AdmittedRequest, head: RequestHead, by receipt: IntentReceipt) {
        self.admitted = admitted
        self.head = head
    }
}
