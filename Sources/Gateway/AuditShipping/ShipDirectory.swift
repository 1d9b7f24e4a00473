import GatewayCore
import Glibc

/// Looks at a trail's file and at the rotated ones beside it.
struct ShipDirectory {
    let path: String
    private let predecessor: AuditPredecessor
    private let name: String

    init(path: String) {
        self.path = path
        predecessor = AuditPredecessor(path: path)
        name = path.split(separator: "/").last.map(String.init) ?? path
    }

    func catalog() -> ShipCatalog { ShipCatalog(names().compactMap(file)) }

    /// Opens a file of the catalogue; nil where another one has its name by now.
    func open(_ file: ShipCatalog.File) -> ShipFile? {
        guard let opened = ShipFile(path: predecessor.directory + "/" + file.name, isCompressed: file.isCompressed),
            opened.identity == file.identity
        else { return nil }
        return opened
    }

    /// The same as a descriptor, which the caller closes.
    func descriptor(_ file: ShipCatalog.File) -> Int32? {
        guard let opened = ShipFile.open(predecessor.directory + "/" + file.name) else { return nil }
        if opened.identity == file.identity { return opened.descriptor }
        close(opened.descriptor)
        return nil
    }

    private func names() -> [String] {
        guard let stream = opendir(predecessor.directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let candidate = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if candidate == name || predecessor.isRotated(ShipDirectory.withoutSuffix(candidate)) { names.append(candidate) }
        }
        return names
    }

    private func file(_ candidate: String) -> ShipCatalog.File? {
        let isCompressed = candidate.hasSuffix(ShipDirectory.suffix)
        guard let opened = ShipFile(path: predecessor.directory + "/" + candidate, isCompressed: isCompressed) else { return nil }
        var first: ShipCatalog.First?
        // A line torn at the start of a file is passed over; more of that is no trail.
        for _ in 0..<4 where first == nil {
            let isThere: Void? = opened.nextLine(limit: .max) { bytes in
                first = AuditLine(bytes).map { ShipCatalog.First(sequence: $0.sequence, previous: $0.previous) }
            }
            if isThere == nil { break }
        }
        return ShipCatalog.File(
            name: candidate, identity: opened.identity, first: first, isCompressed: isCompressed, size: opened.size,
            isLive: candidate == name)
    }

    private static let suffix = ".gz"

    private static func withoutSuffix(_ name: String) -> String { name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name }
}
