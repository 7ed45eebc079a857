/** The kernels of this package, by kind. */
import type { ScalarName } from '@tenon/core';
import type { Makers } from './backend.ts';
import { prepareRegion } from './codegen/region.ts';
import { ROWS } from './codegen/scalars.ts';
import { makeOverrides } from './fused/overrides.ts';
import { prepareArgReduce } from './kernels/arg-reduce.ts';
import { prepareArgSort } from './kernels/arg-sort.ts';
import { prepareFold } from './kernels/fold.ts';
import { prepareGather } from './kernels/gather.ts';
import { prepareMatmul } from './kernels/matmul.ts';
import { preparePad } from './kernels/pad.ts';
import { prepareScan } from './kernels/scan.ts';
import { prepareScatterAdd } from './kernels/scatter-add.ts';

function ulpOfRows(): Makers['ulp'] {
  const ulp: Partial<Record<ScalarName, number>> = {};
  for (const [name, row] of Object.entries(ROWS)) {
    if (row.ulp > 0) ulp[name as ScalarName] = row.ulp;
  }
  return ulp;
}

export const MAKERS: Makers = {
  prepare: {
    region: prepareRegion,
    matmul: prepareMatmul,
    gather: prepareGather,
    scatterAdd: prepareScatterAdd,
    fold: prepareFold,
    pad: preparePad,
    argReduce: prepareArgReduce,
    scan: prepareScan,
    argSort: prepareArgSort,
  },
  overrides: makeOverrides,
  ulp: ulpOfRows(),
};
