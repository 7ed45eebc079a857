/** All suites, in the order in which they run: the simplest first. */
import type { Suite } from './suite.ts';
import { autogradSuite } from './suites/autograd.ts';
import { compositeGradientSuite } from './suites/composite-gradients.ts';
import { compositeSuite } from './suites/composites.ts';
import { errorSuite } from './suites/errors.ts';
import { flatSuite } from './suites/flat.ts';
import { fuseSuite } from './suites/fuse.ts';
import { gradientSuite } from './suites/gradients.ts';
import { inPlaceSuite } from './suites/in-place.ts';
import { kernelSuite } from './suites/kernels.ts';
import { launchSuite } from './suites/launches.ts';
import { linalgSuite } from './suites/linalg.ts';
import { memorySuite } from './suites/memory.ts';
import { overrideSuite } from './suites/overrides.ts';
import { primitiveSuite } from './suites/primitives.ts';
import { randomSuite } from './suites/random.ts';
import { reclaimedSuite } from './suites/reclaimed.ts';
import { reductionSuite } from './suites/reductions.ts';
import { regressionSuite } from './suites/regressions.ts';
import { scalarSuite } from './suites/scalars.ts';
import { storageSuite } from './suites/storage.ts';
import { structureSuite } from './suites/structure.ts';
import { torchSuite } from './suites/torch.ts';

export const SUITES: readonly Suite[] = [
  storageSuite,
  kernelSuite,
  launchSuite,
  scalarSuite,
  primitiveSuite,
  structureSuite,
  reductionSuite,
  linalgSuite,
  fuseSuite,
  gradientSuite,
  autogradSuite,
  errorSuite,
  randomSuite,
  memorySuite,
  reclaimedSuite,
  inPlaceSuite,
  flatSuite,
  compositeSuite,
  compositeGradientSuite,
  overrideSuite,
  torchSuite,
  regressionSuite,
];
