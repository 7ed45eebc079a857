/** Matrix products: batch axes merged to at most two, numbers in the order of MatmulSpec. */
import type { MatmulSpec, RegionSpec, TensorType } from '../backend.ts';
import { canonicalize, type Nest, strideClass } from '../graph/canonicalize.ts';
import { launch } from '../graph/region.ts';
import { denseLayout } from '../layout.ts';
import { library } from '../memory/ownership.ts';
import type { Runtime } from '../runtime.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { isDense, output, storageOf } from './launch.ts';
import { dense, fill } from './map.ts';

export function matmul(runtime: Runtime, a: Tensor, b: Tensor, type: TensorType): Tensor {
  const nest = batchNest(a, b, type.shape);
  const isReady = a.source.kind === 'storage' && b.source.kind === 'storage';
  if ((!isReady || nest.sizes.length > 2) && !(isDense(a) && isDense(b))) {
    return library(() => matmul(runtime, dense(a), dense(b), type));
  }
  const out = output(runtime, type);
  const k = a.shape[a.rank - 1] as number;
  if (out.size === 0) return out;
  if (k === 0) {
    fill(runtime, out, 0);
    return out;
  }
  const pad = nest.sizes.length === 1;
  const [b0, b1] = pad ? [1, nest.sizes[0] as number] : (nest.sizes as [number, number]);
  const words: number[] = [
    b0,
    b1,
    out.shape[out.rank - 2] as number,
    out.shape[out.rank - 1] as number,
    k,
  ];
  [a, b, out].forEach((t, i) => {
    if (t === out) words.push(b0, b1, words[2] as number, words[3] as number, 0, 0, 0, 0, 0);
    const batch = nest.strides[i] as readonly number[];
    words.push(t.layout.offset, ...(pad ? [0, ...batch] : batch), ...t.layout.strides.slice(-2));
  });
  const [am, ak] = a.layout.strides.slice(-2).map(strideClass) as [0, 0];
  const [bk, bn] = b.layout.strides.slice(-2).map(strideClass) as [0, 0];
  const dtype = out.dtype as MatmulSpec['dtype'];
  const key = `matmul|${dtype}|${am}${ak}${bk}${bn}`;
  let kernel = runtime.kernels.get(key);
  if (kernel === undefined) {
    const epilogue = storeEpilogue(dtype);
    const spec: MatmulSpec = {
      kind: 'matmul',
      dtype,
      aClasses: [am, ak],
      bClasses: [bk, bn],
      epilogue,
    };
    kernel = runtime.prepare(spec);
    runtime.kernels.set(key, kernel);
  }
  launch(runtime, { kernel, words }, [storageOf(a), storageOf(b), storageOf(out)]);
  return out;
}

function batchNest(a: Tensor, b: Tensor, shape: Shape): Nest {
  const rank = shape.length - 2;
  const layouts = [a.layout, b.layout, denseLayout(shape)];
  const strides = layouts.map((layout) => layout.strides.slice(0, rank));
  return canonicalize(rank, shape.slice(0, rank), strides);
}

/** The epilogue of a plain product: store the accumulator. */
function storeEpilogue(dtype: MatmulSpec['dtype']): RegionSpec {
  const classes = { keptClass: 1, reducedClass: 0 } as const;
  return {
    kind: 'region',
    keptRank: 4,
    reducedRank: 0,
    inputs: [{ dtype, domain: 'kept', source: 'buffer', ...classes }],
    outputs: [{ step: 0, dtype, domain: 'kept', ...classes, alias: -1 }],
    steps: [{ op: 'load', index: 0, dtype }],
    constants: [],
  };
}
