/// The file of a trail and, where one is configured, a second one on another disk that gets the same lines. Nothing counts as written or
/// synced before both have it.
///
/// When either fails, the round of records is taken off both. The mirror is opened and compared again before anything else is written,
/// and whichever of the two lags is brought up to date from the other: whole, chained lines in both.
public struct AuditMirroredFile<File: AuditFile>: AuditFile {
    private var main: File
    private var mirror: File?
    /// Sizes that the files have if nobody else changed them. They differ, as the two may have been begun or rotated at other times.
    private var mainSize = 0
    private var mirrorSize = 0
    /// Where the journal stands: how far the mirror has to reach, no more and no less. Nil at the start, when nobody knows better.
    private var expected: AuditChain?
    /// Why the mirror has to be opened and compared again; nil: it does not.
    public private(set) var mirrorDoubt: AuditFileError?
    /// At the start, and when the file has been removed, it may be the one that lags. Later on the journal knows better than the mirror.
    private var mayMainLag = true

    public init(_ main: File, mirror: File?) {
        self.main = main
        self.mirror = mirror
    }

    public mutating func expect(_ chain: AuditChain) { expected = chain }

    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(AuditFileError) -> Int {
        let count = try main.write(bytes)
        mainSize += count
        guard mirror != nil else { return count }
        // Even where it then takes less: the journal cuts the round off both by this measure.
        mirrorSize += count
        try writeToMirror(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        return count
    }

    public mutating func synchronize() throws(AuditFileError) {
        try main.synchronize()
        try onMirror { (mirror) throws(AuditFileError) in try mirror.synchronize() }
    }

    public mutating func truncate(to size: Int) throws(AuditFileError) {
        // While this fails both files keep what is too much.
        try main.truncate(to: size)
        let length = mirrorSize - max(0, mainSize - size)
        mainSize = size
        // In doubt, how the two sizes belong together is not known; the comparison cuts the mirror then.
        guard mirror != nil, mirrorDoubt == nil else { return }
        mirrorSize = length
        do throws(AuditFileError) {
            try onMirror { (mirror) throws(AuditFileError) in
                // A file that somebody else made shorter must not grow zeros.
                if try mirror.inspect().size > length { try mirror.truncate(to: length) }
            }
        } catch {
            mirrorDoubt = error
            throw error
        }
    }

    public mutating func inspect() throws(AuditFileError) -> AuditFileState {
        var state = try main.inspect()
        guard mirror != nil else { return state }
        if !state.isLinked {
            mayMainLag = true
            return state
        }
        mainSize = state.size
        var found = AuditFileState(size: mirrorSize)
        try onMirror { (mirror) throws(AuditFileError) in found = try mirror.inspect() }
        if mirrorDoubt != nil || !found.isLinked || found.size != mirrorSize {
            var opening = try main.reopen()
            state.notes += try repairMirror(&opening)
        }
        return state
    }

    public mutating func probe() throws(AuditFileError) {
        try main.probe()
        guard mirror != nil else { return }
        if mirrorDoubt != nil {
            var opening = try main.reopen()
            pendingNotes += try repairMirror(&opening)
        }
        try onMirror { (mirror) throws(AuditFileError) in try mirror.probe() }
    }

    /// Succeeds although the mirror cannot be opened or compared: `mirrorDoubt` says so, and nothing can be written until it is mended.
    public mutating func reopen() throws(AuditFileError) -> AuditOpening {
        var opening = try main.reopen()
        mainSize = opening.size
        guard mirror != nil else { return opening }
        do throws(AuditFileError) {
            let notes = try repairMirror(&opening)
            opening.notes += notes
        } catch {
            mirrorDoubt = error
        }
        return opening
    }

    public mutating func rotate(to suffix: String) throws(AuditFileError) -> AuditOpening {
        let opening = try main.rotate(to: suffix)
        mainSize = opening.size
        do throws(AuditFileError) {
            var size = mirrorSize
            try onMirror { (mirror) throws(AuditFileError) in size = try mirror.rotate(to: suffix).size }
            mirrorSize = size
        } catch {
            // It goes on in its old file until the next rotation, which is lawful: the lines are the same.
        }
        return opening
    }

    public func read(from offset: Int, count: Int) throws(AuditFileError) -> [UInt8] { try main.read(from: offset, count: count) }

    public mutating func release() {
        main.release()
        mirror?.release()
    }

    // MARK: - The mirror

    /// Notes of a repair between two rounds.
    private var pendingNotes: [String] = []

    private mutating func onMirror(_ body: (inout File) throws(AuditFileError) -> Void) throws(AuditFileError) {
        guard mirror != nil else { return }
        do throws(AuditFileError) {
            guard var file = mirror else { return }
            defer { mirror = file }
            try body(&file)
        } catch {
            throw AuditFileError(call: error.call, reason: error.reason, isOfMirror: true)
        }
    }

    private mutating func writeToMirror(_ bytes: UnsafeRawBufferPointer) throws(AuditFileError) {
        var offset = 0
        while offset < bytes.count {
            var count = 0
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            try onMirror { (mirror) throws(AuditFileError) in count = try mirror.write(rest) }
            guard count > 0 else { throw AuditFileError(call: "write", reason: "nothing was taken", isOfMirror: true) }
            offset += count
        }
    }

    /// Opens the mirror's path anew and brings it to where the journal stands, or at the start both to where either does. Returns what
    /// is to be noted.
    private mutating func repairMirror(_ opening: inout AuditOpening) throws(AuditFileError) -> [String] {
        do throws(AuditFileError) {
            var copy = AuditOpening(size: 0)
            try onMirror { (mirror) throws(AuditFileError) in copy = try mirror.reopen() }
            pendingNotes += copy.notes.map { "mirror: " + $0 }
            let own = opening.chain ?? AuditChain()
            var other = copy.chain ?? AuditChain()
            let place = expected ?? (own.nextSequence < other.nextSequence ? other : own)
            if other.nextSequence > place.nextSequence {
                try cutMirror(&copy.size, behind: place)
                other = place
            }
            // The file may hold more than counts as written: what could not be cut off it yet.
            let end =
                own.nextSequence > place.nextSequence
                ? try AuditCatchUp.start(in: main, size: opening.size, behind: place).offset : opening.size
            if other.nextSequence < place.nextSequence {
                pendingNotes.append("mirror: " + (try bringUp(from: main, size: end, behind: other, to: place, toMirror: true, &copy.size)))
            } else if other.previous != place.previous {
                let reason = "it ends with another record \(place.nextSequence - 1) than the trail"
                throw AuditFileError(call: "compare", reason: reason, isOfMirror: true)
            }
            mainSize = end
            if own.nextSequence < place.nextSequence, mayMainLag, let source = mirror {
                let text = try bringUp(from: source, size: copy.size, behind: own, to: place, toMirror: false, &opening.size)
                pendingNotes.append("from the mirror: " + text)
                opening.chain = place
                mainSize = opening.size
            }
            mirrorSize = copy.size
        } catch {
            mirrorDoubt = error
            throw error
        }
        defer { pendingNotes = [] }
        mayMainLag = false
        mirrorDoubt = nil
        return pendingNotes
    }

    /// Takes records off the mirror that do not count as written.
    private mutating func cutMirror(_ size: inout Int, behind place: AuditChain) throws(AuditFileError) {
        let whole = size
        var found: (offset: Int, first: UInt64) = (whole, 0)
        try onMirror { (mirror) throws(AuditFileError) in
            found = try AuditCatchUp.start(in: mirror, size: whole, behind: place)
            if found.first == place.nextSequence, found.offset < whole { try mirror.truncate(to: found.offset) }
        }
        guard found.first == place.nextSequence, found.offset < whole else {
            throw AuditFileError(call: "compare", reason: "it holds later records than the trail", isOfMirror: true)
        }
        size = found.offset
    }

    /// Appends the lines of `source` behind `place` to the other file, and syncs it. All or nothing, unless taking it back fails, too; then
    /// the next comparison finds it.
    private mutating func bringUp(
        from source: File, size: Int, behind place: AuditChain, to end: AuditChain, toMirror: Bool, _ targetSize: inout Int
    ) throws(AuditFileError) -> String {
        let (offset, first) = try AuditCatchUp.start(in: source, size: size, behind: place)
        let before = targetSize
        do throws(AuditFileError) {
            var position = offset
            while position < size {
                let piece = try source.read(from: position, count: min(AuditCatchUp.pieceByteCount, size - position))
                guard !piece.isEmpty else { throw AuditFileError(call: "read", reason: "the file became shorter") }
                try append(piece, toMirror: toMirror)
                position += piece.count
            }
            if toMirror {
                try onMirror { (mirror) throws(AuditFileError) in try mirror.synchronize() }
            } else {
                try main.synchronize()
            }
        } catch {
            if toMirror {
                try? onMirror { (mirror) throws(AuditFileError) in try mirror.truncate(to: before) }
            } else {
                try? main.truncate(to: before)
            }
            throw error
        }
        targetSize = before + size - offset
        let gap = first > place.nextSequence ? "records \(place.nextSequence) to \(first - 1) are not at hand, " : ""
        return gap + "\(end.nextSequence - first) records were copied"
    }

    private mutating func append(_ bytes: [UInt8], toMirror: Bool) throws(AuditFileError) {
        let result = bytes.withUnsafeBytes { all in
            Result { () throws(AuditFileError) in
                if toMirror { return try writeToMirror(all) }
                var offset = 0
                while offset < all.count { offset += try main.write(UnsafeRawBufferPointer(rebasing: all[offset...])) }
            }
        }
        try result.get()
    }
}

/// Finding the place in one file from which another has to be brought up to date.
enum AuditCatchUp {
    static let pieceByteCount = 256 << 10

    /// The offset of the first line behind `place` and its `seq`. Where earlier ones are not in the file, that is its first line; where
    /// there is none, the end.
    static func start(
        in file: some AuditFile, size: Int, behind place: AuditChain
    ) throws(AuditFileError) -> (offset: Int, first: UInt64) {
        var offset = 0
        while offset < size {
            let (length, line) = try line(of: file, at: offset, size: size)
            if let line, line.sequence >= place.nextSequence {
                // What follows a place must name it.
                if line.sequence == place.nextSequence, line.previous != place.previous {
                    let reason = "record \(line.sequence) does not follow the other file's last one"
                    throw AuditFileError(call: "compare", reason: reason)
                }
                return (offset, line.sequence)
            }
            offset += length
        }
        return (size, place.nextSequence)
    }

    /// The line at an offset; nil where it is no record.
    private static func line(
        of file: some AuditFile, at offset: Int, size: Int
    ) throws(AuditFileError) -> (length: Int, line: AuditLine?) {
        var window = 8 << 10
        while true {
            let bytes = try file.read(from: offset, count: min(window, size - offset))
            let found = bytes.withUnsafeBytes { all -> (Int, AuditLine?)? in
                guard let feed = LineFeed.first(in: all, from: 0) else { return nil }
                return (feed + 1, AuditLine(UnsafeRawBufferPointer(rebasing: all[..<feed])))
            }
            if let found { return found }
            guard bytes.count == window else { return (max(bytes.count, 1), nil) }
            window *= 8
        }
    }
}
