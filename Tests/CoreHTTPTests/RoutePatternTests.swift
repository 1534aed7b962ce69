import CoreHTTP
import HTTPMessages
import Testing

@Suite struct RoutePatternTests {
}
