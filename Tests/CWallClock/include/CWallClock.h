#pragma once

/// Moves this process's wall clock, as a correction by an hour would: every reading of CLOCK_REALTIME is so
/// many seconds later from now on, earlier for a negative number. Other clocks go on as they did.
///
/// A program linked with this has the C library's `clock_gettime`, `gettimeofday` and `time` replaced. What
/// waits in the kernel for an instant of the wall clock is not woken by the step.
void wall_clock_step(long seconds);
