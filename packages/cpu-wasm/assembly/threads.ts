// The thread pool's inner loops: publishing a job, claiming its pieces, waiting for work and for
// the end. A ticket of (generation | pieces left) is claimed by compare-exchange: 0 left means
// closed, whatever the descriptor says, so a late worker cannot touch a job that is over, and a
// claim that succeeds proves that the descriptor read before it belongs to that ticket.
// The offsets of the control block are those of src/threads/control.ts.

const TICKET: usize = 0; // u64: generation in the high half, pieces left in the low half
const GENERATION: usize = 4;
const DONE: usize = 64; // pieces finished
const JOINING: usize = 68; // 1 while the caller sleeps until DONE changes
const PARKED: usize = 128; // workers asleep
const STOP: usize = 132; // 1: workers leave
const FN: usize = 192;
const ARGS: usize = 196;
const TOTAL: usize = 200;
const GRAIN: usize = 204;
const PIECES: usize = 208;
const MODULES: usize = 212; // generated modules that fn may need
const BUSY: usize = 0; // in a thread's slot: 1 while it runs a piece
const ASLEEP: usize = 4; // in a worker's slot: 1 while it is counted in PARKED

/** Claims and runs pieces of the open job until none is left. Modules: how many this thread has. */
function work(control: usize, slot: usize, modules: i32, scratch: i32): bool {
  while (true) {
    const ticket = atomic.load<u64>(control + TICKET);
    const left = <i32>ticket;
    if (left == 0) return true;
    if (atomic.load<i32>(control + MODULES) > modules) return false;
    const fn = atomic.load<i32>(control + FN);
    const args = atomic.load<i32>(control + ARGS);
    const total = atomic.load<i32>(control + TOTAL);
    const grain = atomic.load<i32>(control + GRAIN);
    const pieces = atomic.load<i32>(control + PIECES);
    if (atomic.cmpxchg<u64>(control + TICKET, ticket, ticket - 1) != ticket) continue;
    const begin = (pieces - left) * grain;
    const end = left == 1 ? total : begin + grain;
    store<i32>(slot + BUSY, 1);
    call_indirect<void>(fn, args, begin, end, scratch);
    store<i32>(slot + BUSY, 0);
    finishPiece(control);
  }
}

function finishPiece(control: usize): void {
  atomic.add<i32>(control + DONE, 1);
  if (atomic.load<i32>(control + JOINING) != 0) atomic.notify(control + DONE, 1);
}

/** Counts a piece that trapped as finished. */
export function poolFail(control: usize, slot: usize): void {
  if (ASC_FEATURE_THREADS) {
    store<i32>(slot + BUSY, 0);
    finishPiece(control);
  }
}

/**
 * A worker's life: works, spins for a while, sleeps. Returns 0 to leave, 1 when the job needs
 * generated modules that this thread has not loaded yet, 2 after a sleep: to be called again, since
 * a call that began in baseline code ends in it.
 */
export function poolServe(control: usize, slot: usize, modules: i32, scratch: i32, spins: i32): i32 {
  if (ASC_FEATURE_THREADS) {
    while (atomic.load<i32>(control + STOP) == 0) {
      const seen = atomic.load<i32>(control + GENERATION);
      if (!work(control, slot, modules, scratch)) return 1;
      let n = spins;
      while (n > 0 && atomic.load<i32>(control + GENERATION) == seen) --n;
      if (n > 0) continue;
      atomic.add<i32>(control + PARKED, 1);
      atomic.store<i32>(slot + ASLEEP, 1);
      // Every publisher changes GENERATION before it looks at PARKED, so no wake-up is lost.
      atomic.wait<i32>(control + GENERATION, seen, -1);
      atomic.store<i32>(slot + ASLEEP, 0);
      atomic.sub<i32>(control + PARKED, 1);
      return 2;
    }
  }
  return 0;
}

/** Opens a job and works on it. Returns how many pieces other threads still run. */
export function poolRun(
  control: usize, slot: usize, fn: i32, args: i32, total: i32, grain: i32, modules: i32,
  scratch: i32, spins: i32,
): i32 {
  if (ASC_FEATURE_THREADS) {
    const pieces = <i32>((<u32>total + <u32>grain - 1) / <u32>grain);
    atomic.store<i32>(control + DONE, 0);
    atomic.store<i32>(control + FN, fn);
    atomic.store<i32>(control + ARGS, args);
    atomic.store<i32>(control + TOTAL, total);
    atomic.store<i32>(control + GRAIN, grain);
    atomic.store<i32>(control + PIECES, pieces);
    atomic.store<i32>(control + MODULES, modules);
    const generation = <u64>(atomic.load<u32>(control + GENERATION) + 1);
    atomic.store<u64>(control + TICKET, (generation << 32) | <u64>pieces);
    if (atomic.load<i32>(control + PARKED) != 0) {
      atomic.notify(control + GENERATION, pieces - 1);
    }
    work(control, slot, modules, scratch);
    let n = spins;
    while (n > 0 && atomic.load<i32>(control + DONE) != pieces) --n;
    return pieces - atomic.load<i32>(control + DONE);
  }
  return 0;
}

/** Nobody claims more of the job. Returns what DONE will come to: the pieces that were claimed. */
export function poolClose(control: usize): i32 {
  if (ASC_FEATURE_THREADS) {
    const pieces = atomic.load<i32>(control + PIECES);
    while (true) {
      const ticket = atomic.load<u64>(control + TICKET);
      const closed = ticket >> 32 << 32;
      if (atomic.cmpxchg<u64>(control + TICKET, ticket, closed) != ticket) continue;
      const claimed = pieces - <i32>ticket;
      // A job that is closed has no more pieces than these, whoever asks again.
      atomic.store<i32>(control + PIECES, claimed);
      return claimed;
    }
  }
  return 0;
}

/** Waits for DONE to become `wanted`, spinning only. Returns how many pieces are missing. */
export function poolSpin(control: usize, wanted: i32, spins: i32): i32 {
  if (ASC_FEATURE_THREADS) {
    let n = spins;
    while (n > 0 && atomic.load<i32>(control + DONE) != wanted) --n;
    return wanted - atomic.load<i32>(control + DONE);
  }
  return 0;
}
