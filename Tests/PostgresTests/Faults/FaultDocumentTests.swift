import Testing

@Suite struct FaultDocumentTests {
  @Test("docs/postgres-faults.md has a row of each fault")
  func rows() throws {
    #expect(try FaultTable.documentedFaults() == Fault.allCases.map(\.testDescription))
  }
}
