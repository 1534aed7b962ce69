import CPostgres

extension SQL {
  typealias CStringPointer = UnsafePointer<CChar>

  /// Lends the statement's text as a C string.
  func withCText<R>(_ body: (CStringPointer) -> R) -> R {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { buffer in
      text.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
      buffer[text.count] = 0
      return body(CStringPointer(buffer.baseAddress!))
    }
  }

  typealias LibpqArrays<R> = (
    UnsafePointer<Oid>, UnsafePointer<CStringPointer?>, UnsafePointer<Int32>, UnsafePointer<Int32>
  ) -> R

  /// Lends the parameters as libpq takes them: types, values, lengths, formats.
  func withLibpqArrays<R>(_ body: LibpqArrays<R>) -> R {
    values.withUnsafeBytes { values in
      parameters.withUnsafeBufferPointer { Self.lend($0, values, to: body) }
    }
  }

  /// Has pointers alone, so that nothing is retained and released for each closure and parameter.
  private static func lend<R>(
    _ parameters: UnsafeBufferPointer<Parameter>, _ values: UnsafeRawBufferPointer,
    to body: LibpqArrays<R>
  ) -> R {
    let count = max(1, parameters.count)
    return withUnsafeTemporaryAllocation(of: Oid.self, capacity: count) { types in
      withUnsafeTemporaryAllocation(of: CStringPointer?.self, capacity: count) { pointers in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
          for position in parameters.indices {
            let parameter = parameters[position]
            types[position] = parameter.type.oid
            pointers[position] = pointer(to: parameter, in: values)
            numbers[position] = max(0, parameter.length)
            numbers[count + position] = 1
          }
          return body(
            types.baseAddress!, pointers.baseAddress!, numbers.baseAddress!,
            numbers.baseAddress! + count)
        }
      }
    }
  }

  private static func pointer(
    to parameter: Parameter, in values: UnsafeRawBufferPointer
  ) -> CStringPointer? {
    if parameter.length < 0 { return nil }
    // NULL would mean NULL, so an empty value points anywhere.
    guard let base = values.baseAddress else { return emptyValue }
    return (base + Int(parameter.offset)).assumingMemoryBound(to: CChar.self)
  }

  private nonisolated(unsafe) static let emptyValue: CStringPointer = {
    let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    byte.initialize(to: 0)
    return CStringPointer(byte)
  }()
}
