import Postgres
import Resilience
import SharedKernel

/// What an error that is no `Failure` means for the caller: time ran out, the database is away, its
/// text cannot be kept, or a fault of ours whose detail stays in the log.
func unforeseen(_ error: any Error) -> any Failure {
  switch error {
  case is CancellationError, is DeadlineExceeded:
    return Problem(.deadlineExceeded, "The work did not end in the time that was left for it.")
  case let error as PostgresError where error.isUnavailability || error.isRetryable:
    return Problem(
      .dependencyUnavailable, "The database does not answer at the moment.",
      members: ["target": "database"], retryAfter: .seconds(1))
  case let error as PostgresError
  where error.sqlState == "22021" || error.sqlState == "22P05":
    // NUL, which JSON and percent-encoding can write and PostgreSQL does not keep.
    return Problem(.malformedRequest, "The request holds a character that cannot be kept.")
  default:
    return Problem(.internal, "Something went wrong here. It is safe to retry with the same key.")
  }
}
