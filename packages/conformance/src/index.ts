/** The public interface of @tenon/conformance, by name. */

// Watched memory
export type { ArenaReport, BudgetedBackend } from './budgeted.ts';
export { budgeted } from './budgeted.ts';
// The reference and comparisons
export type { Difference } from './compare.ts';
export {
  assertNone,
  assertSame,
  assertShape,
  spacing,
  ulpError,
  worstRelative,
  worstUlp,
} from './compare.ts';
// The suite
export type { DescribeBackendOptions } from './describe-backend.ts';
export { describeBackend } from './describe-backend.ts';
export type {
  GoldenDType,
  GoldenFamily,
  GoldenFilter,
  GoldenIndex,
  GoldenReader,
  GoldenSample,
  GoldenTensor,
  GoldenValue,
} from './golden.ts';
export {
  GoldenError,
  loadGoldenIndex,
  loadGoldenJson,
  loadGoldens,
  parseGolden,
  readGoldenFile,
} from './golden.ts';
// PyTorch's answers
export type {
  GoldenBatch,
  GoldenBatches,
  GoldenOptimizer,
  GoldenParameter,
  GoldenRun,
} from './golden-training.ts';
export { goldenBatch, goldenParameter, loadGoldenRuns } from './golden-training.ts';
export type { Reference } from './reference.ts';
export {
  build,
  erfReference,
  matmulReference,
  REDUCE_REFERENCE,
  reduceReference,
  SCALAR_REFERENCE,
  threefryReference,
} from './reference.ts';
export type { CreateBackend, Skip } from './suite.ts';
export type { Tolerances } from './tolerances.ts';
export { DEFAULT_TOLERANCES, epsilon } from './tolerances.ts';
