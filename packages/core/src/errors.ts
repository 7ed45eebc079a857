/**
 * One class per cause. Every message reads `op: what was expected, got what (fix)`, with shapes in
 * brackets. `TenonError` is the common root, so one `instanceof` catches all of them.
 */

/** Root of all errors that Tenon throws on purpose. */
export class TenonError extends Error {
  override readonly name: string = 'TenonError';
}

/** Shapes or ranks that do not fit an op. */
export class ShapeError extends TenonError {
  override readonly name: string = 'ShapeError';
}

/** A dtype that an op or a backend cannot take. */
export class DTypeError extends TenonError {
  override readonly name: string = 'DTypeError';
}

/** An axis outside [-rank, rank), or named twice. */
export class AxisError extends TenonError {
  override readonly name: string = 'AxisError';
}

/** An element index outside the range of its axis. */
export class IndexRangeError extends TenonError {
  override readonly name: string = 'IndexRangeError';
}

/** An argument whose value is not usable (a negative size, a probability above 1, NaN labels). */
export class ValueError extends TenonError {
  override readonly name: string = 'ValueError';
}

/** Tensors of different backends in one op, or no backend at all. */
export class DeviceError extends TenonError {
  override readonly name: string = 'DeviceError';
}

/** A backend that cannot work here (no WebGPU adapter, no wasm, …). */
export class BackendError extends TenonError {
  override readonly name: string = 'BackendError';
}

/** A read of memory that was disposed or recycled. */
export class DisposedError extends TenonError {
  override readonly name: string = 'DisposedError';
}

/** Something that the gradient machinery cannot do (a used-up graph, no gradient to take). */
export class GradientError extends TenonError {
  override readonly name: string = 'GradientError';
}

/** More memory than there is: names what was asked for and what is live. */
export class OutOfMemoryError extends TenonError {
  override readonly name: string = 'OutOfMemoryError';
}

/**
 * The GPU device was lost: nothing on it can be read any more. From then on every pending and later
 * read rejects with it, and ops on the backend throw it, until `backend.recover()`.
 */
export class DeviceLostError extends TenonError {
  override readonly name: string = 'DeviceLostError';
}

/**
 * A generated kernel that the device refused: names the op, and has the whole source. The launch
 * was recorded long before, so it comes from a read of what the launch would have written.
 */
export class KernelError extends TenonError {
  override readonly name: string = 'KernelError';
  /** What was to be computed. */
  readonly op: string;
  /** The text that was compiled, or null where the kernel ran and something else was wrong. */
  readonly source: string | null;

  constructor(message: string, op: string, source: string | null) {
    super(message);
    this.op = op;
    this.source = source;
  }
}

/** A traced value read, or a trace used wrongly. */
export class TraceError extends TenonError {
  override readonly name: string = 'TraceError';
}

/** A file or byte sequence that is not what it claims to be (truncated, corrupt, wrong magic). */
export class FormatError extends TenonError {
  override readonly name: string = 'FormatError';
}
/** A state dict whose names or shapes do not fit the module. */
export class StateDictError extends TenonError {
  override readonly name: string = 'StateDictError';
}
