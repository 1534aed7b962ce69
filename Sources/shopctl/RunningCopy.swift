/// A copy of the shop that runs on this machine now.
struct RunningCopy: Sendable {
  let state: StateDirectory
  let plan: Plan

  /// - Throws: `Trouble` when it does not run.
  init(_ copy: CopyOptions) throws {
    state = copy.state
    guard let plan = Plan.read(state), SupervisorRecord.living(state) != nil else {
      throw Trouble("the shop does not run here.", next: ["Start it: ./shop up\(copy.words)"])
    }
    self.plan = plan
  }
}
