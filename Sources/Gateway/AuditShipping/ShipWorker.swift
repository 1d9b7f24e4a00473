import GatewayCore
import Glibc

/// The thread of one destination: reads the trail, sends, and keeps the cursor. It has nothing in common with the event loops but the place
/// where the writer says how far the trail is.
final class ShipWorker {
    private let shipper: Shipper
    private let reader: ShipReader
    private let cursorFile: ShipCursorFile
    private let doorbell: Doorbell
    private let connecting: ShipConnecting
    private var connection = ShipConnection()
    private var window: ShipWindow
    private var transport: (any ShipTransport)?
    private var format: SyslogFormat?
    private var status: ShipStatus
    private var savedCursor: ShipCursor?
    private var saveTime: UInt64 = 0
    private var nextBatch: UInt64 = 0
    private var oldestUnsent: Int64?
    private var messages: [UInt8] = []
    private var ends: [Int] = []

    /// A batch is closed at this size, in bytes.
    private static let batchByteCount = 64 << 10
    /// This much may wait for acknowledgement, in bytes.
    private static let windowByteCount: UInt64 = 512 << 10
    /// Between two small batches, in milliseconds: it bounds what the thread costs, and how far the copy lags.
    private static let lingerMilliseconds: UInt64 = 20
    private static let saveMilliseconds: UInt64 = 2000
    private static let gapMilliseconds: UInt64 = 500

    init(shipper: Shipper, trail path: String, doorbell: Doorbell) {
        self.shipper = shipper
        self.doorbell = doorbell
        let destination = shipper.destination
        cursorFile = ShipCursorFile(trail: path, destination: destination)
        let cursor = cursorFile.load()
        savedCursor = cursor
        reader = ShipReader(path: path, cursor: cursor ?? ShipCursor())
        let isImmediate = destination.place == .standardOutput
        window = ShipWindow(at: cursor ?? ShipCursor(), settleTime: isImmediate ? 0 : ShipWindow.settleMilliseconds)
        connecting = ShipConnecting(destination: destination) { shipper.isStopping }
        status = ShipStatus(destination: destination.description)
    }

    /// Starts the thread, which alone uses this object from then on. False where the system has none left.
    consuming func start() -> Bool {
        do throws(BackgroundThread.Failure) {
            // SIGPIPE of the standard output stays pending there and is told by write(2).
            pthread_detach(try BackgroundThread.start { [self] in run() })
            return true
        } catch {
            return false
        }
    }

    private var now: UInt64 { AuditInbox.milliseconds() }

    private func run() {
        while true {
            if shipper.isStopping, isDone { break }
            switch connection.phase {
            case .down(let due):
                if now >= due { connect() } else { rest(until: due) }
            case .connecting, .up:
                do throws(ConnectionFailure) { try work() } catch { lose(error) }
            }
        }
        transport?.close()
        transport = nil
        save(now: now, isLast: true)
        publish()
        shipper.finish()
    }

    /// While stopping: whether nothing more can be done in the time that is left.
    private var isDone: Bool {
        guard connection.phase == .up, let transport, now < shipper.deadline else { return true }
        guard let position = shipper.positions.current else { return true }
        return !transport.hasOutput && !window.isAwaiting && reader.cursor.sequence >= position.sequence
    }

    // MARK: - Connection

    private func connect() {
        connection.begin()
        do throws(ConnectionFailure) {
            let opened = try connecting.open()
            transport = opened
            format = opened.framing.map {
                SyslogFormat(
                    framing: $0, facility: shipper.destination.facility, appName: shipper.destination.appName, processID: getpid())
            }
            let cursor = window.rewind()
            reader.seek(to: cursor)
            oldestUnsent = nil
            connection.succeed()
            shipper.observer(.connected(shipper.destination, after: cursor.sequence))
        } catch {
            lose(error)
        }
    }

    private func lose(_ failure: ConnectionFailure) {
        if connection.phase == .up { oldestUnsent = nil }
        transport = nil
        let cursor = window.rewind()
        reader.seek(to: cursor)
        let isNews = connection.fail(failure.words, now: now, random: .random(in: 0...UInt64.max))
        if isNews, !shipper.isStopping { shipper.observer(.failed(shipper.destination, failure.words)) }
    }

    /// Waits for the next try, and meanwhile looks once in a while how old the oldest record is that waits.
    private func rest(until due: UInt64) {
        if oldestUnsent == nil, let position = shipper.positions.current {
            oldestUnsent = reader.peekTime(upTo: position, now: now)
        }
        wait(milliseconds: min(due - min(due, now), 1000), for: nil)
    }

    // MARK: - Records

    private func work() throws(ConnectionFailure) {
        guard let transport else { throw ConnectionFailure("not connected") }
        // Before reading: what is published from here on rings.
        doorbell.arm()
        let step = try fill(transport)
        try transport.flush()
        try settle(transport)
        let time = now
        var timeout: UInt64 = 60_000
        if shipper.isStopping || window.isAwaiting || transport.hasOutput {
            timeout = isWindowFull(transport) ? 5 : 50
        } else if let deadline = window.deadline {
            timeout = deadline - min(deadline, time)
        }
        if window.settled != savedCursor { timeout = min(timeout, ShipWorker.saveMilliseconds) }
        switch step {
        case .waiting: timeout = min(timeout, ShipWorker.gapMilliseconds)
        case .records: timeout = min(timeout, isWindowFull(transport) ? timeout : nextBatch - min(nextBatch, time))
        case .end: break
        case nil: timeout = min(timeout, isWindowFull(transport) ? timeout : nextBatch - min(nextBatch, time))
        }
        // Who lingers does not hear the bell.
        let revents = wait(milliseconds: timeout, for: transport, hearsBell: step == .end)
        if revents & (transport.inputEvents | Int16(POLLERR | POLLHUP | POLLNVAL)) != 0 {
            try transport.readInput()
            if revents & Int16(POLLERR | POLLNVAL) != 0 {
                throw ConnectionFailure(ShipWorker.socketError(transport.descriptor), call: "socket")
            }
        }
        save(now: now, isLast: false)
    }

    private func isWindowFull(_ transport: any ShipTransport) -> Bool {
        transport.hasOutput || window.bytesInFlight(sentTotal: transport.total) >= ShipWorker.windowByteCount
    }

    /// Sends the next batch; nil where it is not yet time for one.
    private func fill(_ transport: any ShipTransport) throws(ConnectionFailure) -> ShipReader.Step? {
        let time = now
        guard !isWindowFull(transport), time >= nextBatch || shipper.isStopping else { return nil }
        guard let position = shipper.positions.current else { return .end }
        messages.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        var oldest: Int64?
        let step = reader.read(upTo: position, now: time) { record, bytes in
            if ends.isEmpty { oldest = RFC3339.parse(bytes[record.time]) }
            if let format {
                format.append(record, bytes, to: &messages)
            } else {
                messages.append(contentsOf: bytes)
                messages.append(0x0A)
            }
            ends.append(messages.count)
            return messages.count < ShipWorker.batchByteCount
        }
        guard !ends.isEmpty else { return step }
        try transport.enqueue(messages, ends: ends)
        window.send(through: reader.cursor, records: ends.count, end: transport.total, oldest: oldest, now: time)
        status.bytes += UInt64(messages.count)
        nextBatch = messages.count < ShipWorker.batchByteCount ? time + ShipWorker.lingerMilliseconds : time
        if messages.capacity > 4 * ShipWorker.batchByteCount { messages = [] }
        return step
    }

    private func settle(_ transport: any ShipTransport) throws(ConnectionFailure) {
        let time = now
        status.records += UInt64(window.acknowledge(try transport.acknowledged(), now: time))
        if window.settle(now: time) { connection.proveSound() }
    }

    // MARK: - Waiting and telling

    @discardableResult
    private func wait(milliseconds: UInt64, for transport: (any ShipTransport)?, hearsBell: Bool = true) -> Int16 {
        // What is known now is told before a sleep that may last a minute, not after it.
        publish()
        // A stop always wakes: it is rung on a bell of its own.
        var descriptors = [pollfd(fd: shipper.stopBell.descriptor, events: Int16(POLLIN), revents: 0)]
        if let transport {
            let events = transport.inputEvents | (transport.hasOutput ? Int16(POLLOUT) : 0)
            // A descriptor below zero is passed over.
            descriptors.append(pollfd(fd: events == 0 ? -1 : transport.descriptor, events: events, revents: 0))
            descriptors.append(pollfd(fd: hearsBell ? doorbell.descriptor : -1, events: Int16(POLLIN), revents: 0))
        }
        if shipper.isStopping { descriptors[0].fd = -1 }
        let timeout = Int32(min(milliseconds, shipper.isStopping ? 10 : 60_000))
        guard poll(&descriptors, nfds_t(descriptors.count), timeout) > 0, transport != nil else { return 0 }
        if descriptors[2].revents != 0 { doorbell.silence() }
        return descriptors[1].revents
    }

    private static func socketError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code != 0 ? code : EPIPE
    }

    private func save(now: UInt64, isLast: Bool) {
        guard window.settled != savedCursor, isLast || now >= saveTime else { return }
        saveTime = now + ShipWorker.saveMilliseconds
        if let reason = cursorFile.save(window.settled) {
            shipper.observer(.cursorNotSaved(shipper.destination, reason))
        } else {
            savedCursor = window.settled
        }
    }

    private func publish() {
        status.isUp = connection.phase == .up
        status.reason = connection.reason
        status.connects = connection.connects
        status.failures = connection.failures
        if reader.gaps != status.gaps { shipper.observer(.gap(shipper.destination, before: reader.cursor.sequence)) }
        status.gaps = reader.gaps
        status.skipped = reader.skipped + (transport?.tooLarge ?? 0)
        status.acknowledgedSequence = window.acknowledged.sequence
        let oldest = status.isUp ? window.oldestUnacknowledged : oldestUnsent
        let unread = shipper.positions.current.map(reader.bytesLeft) ?? 0
        let unacknowledged = transport.map { window.bytesInFlight(sentTotal: $0.total) } ?? 0
        shipper.publish(status, oldest: oldest, bytesBehind: UInt64(unread) + unacknowledged)
    }
}
