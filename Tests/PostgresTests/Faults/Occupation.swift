import CPostgres
import Postgres
import TestSupport

/// Sessions of others that take all the room that a server has, but for what it keeps for superusers.
struct Occupation {
  struct Failure: Error {
    let statement: String
    let answer: String
  }

  private let truth: String
  private let database: String
  /// Of another database.
  private let url: String
  /// How many sessions there is room for.
  private let sessionsMax: Int
  private var sessions: [OpaquePointer] = []

  /// Takes nothing yet.
  ///
  /// - Parameters:
  ///   - truth: a superuser's connection string, to the database of those who are to find no room.
  ///   - url: the same of a role that is no superuser.
  init(of truth: String, by url: String) async throws {
    self.truth = truth
    database = String(truth.split(separator: "/").last ?? "")
    self.url = url.replacing("/\(database)", with: "/postgres")
    let room: Int? = try await withDatabase(url: truth) { database in
      try await database.value(
        """
        SELECT current_setting('max_connections')::int8
          - current_setting('superuser_reserved_connections')::int8
        """)
    }
    sessionsMax = room ?? 0
  }

  /// Ends the sessions of all others, and takes their room, until it has everything. Meanwhile they are let
  /// in no more, which would be a race. The first session, a superuser's, does it and stays: a server keeps
  /// little room for those, and one that has ended still takes some for a while. Blocks.
  mutating func begin() throws {
    guard let superuser = PQconnectdb(truth) else {
      throw Failure(statement: "connect", answer: "no memory")
    }
    sessions.append(superuser)
    func run(_ statement: String) throws {
      let result = PQexec(superuser, statement)
      defer { PQclear(result) }
      guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
        throw Failure(statement: statement, answer: String(cString: PQerrorMessage(superuser)))
      }
    }
    try run("ALTER DATABASE \(database) CONNECTION LIMIT 0")
    while !fill() {
      try run(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND datname = current_database()
        """)
    }
    try run("ALTER DATABASE \(database) CONNECTION LIMIT -1")
  }

  /// Takes the room that is free. Blocks.
  ///
  /// - Returns: whether that is all there is.
  private mutating func fill() -> Bool {
    while sessions.count < sessionsMax {
      guard let session = PQconnectdb(url) else { return false }
      guard PQstatus(session) == CONNECTION_OK else {
        PQfinish(session)
        return false
      }
      sessions.append(session)
    }
    return true
  }

  /// Gives all of it back.
  mutating func end() {
    for session in sessions { PQfinish(session) }
    sessions = []
  }
}
