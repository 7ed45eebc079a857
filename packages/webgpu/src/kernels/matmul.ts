/**
 * matmul: C[b0,b1,m,n] = Σk A·B, summed in f32, then the epilogue on each sum. One dispatch; two
 * where k is cut into slices: then the second adds them up and has the epilogue.
 * args: B0 B1 M N K, A: offset sB0 sB1 sM sK, B: offset sB0 sB1 sK sN, the epilogue's words.
 */
import { DTypeError, type MatmulSpec, type RegionSpec } from '@tenon/core';
import { epilogueWords } from '../codegen/region-epilogue.ts';
import { type Gpu, type GpuBuffer, GpuKernel, type Pipeline, type Recorder } from '../kernel.ts';
import { MatmulPlan } from './matmul-plan.ts';
import { registerShader } from './matmul-register.wgsl.ts';
import { COMBINE_GROUP, combineShader } from './matmul-split.ts';
import { type Assembled, EPILOGUE_WORDS, type Float, type Target } from './matmul-text.ts';
import { workgroupShader } from './matmul-workgroup.wgsl.ts';

/** Words of A's and B's operands in the launch's args. */
const OPERAND_WORDS = 15;

/** The first bindings of a dispatch, as positions in the launch's buffers. */
const PLAIN: readonly number[] = [0, 1];
const SWAPPED: readonly number[] = [1, 0];
const WORKSPACE: readonly number[] = [-1];

/** A pipeline, and which of the launch's buffers follow its inputs. */
interface Shader {
  readonly pipeline: Pipeline;
  /** Positions in the launch's buffers; -1: the workspace. */
  readonly buffers: readonly number[];
}

/** Encodes products with one epilogue. Shared by matmul and linear. */
export class Multiplier {
  readonly plan: MatmulPlan;
  private readonly gpu: Gpu;
  private readonly dtype: Float;
  private readonly epilogue: RegionSpec;
  /** Inner positions that a subgroup loads together: every subgroup is this large. */
  private readonly broadcast: number;
  private readonly shaders = new Map<string, Shader>();
  private readonly words: Int32Array;
  private readonly bound: GpuBuffer[] = [];

  constructor(gpu: Gpu, dtype: Float, epilogue: RegionSpec) {
    this.gpu = gpu;
    this.dtype = dtype;
    this.epilogue = epilogue;
    const { variant, limits, subgroupSize } = gpu.profile;
    this.broadcast = subgroupSize >= 16 ? 16 : subgroupSize >= 8 ? 8 : 4;
    this.plan = new MatmulPlan(variant, limits.maxInvocations);
    this.words = new Int32Array(EPILOGUE_WORDS + epilogueWords(epilogue));
  }

  /** args: as of matmul. Buffers: A, B, the epilogue's, the workspace if any. */
  encode(recorder: Recorder, buffers: readonly GpuBuffer[], args: Int32Array): void {
    const { plan, words } = this;
    plan.read(args);
    const isCut = plan.slices > 1;
    writeWords(words, plan);
    for (let i = OPERAND_WORDS; i < args.length; i++) {
      words[EPILOGUE_WORDS + i - OPERAND_WORDS] = args[i]!;
    }
    const product = this.productOf(isCut);
    const groups = plan.tilesM * plan.tilesN * plan.batches * plan.slices;
    const own = isCut ? words.subarray(0, EPILOGUE_WORDS) : words;
    this.dispatch(recorder, product, buffers, plan.isSwapped ? SWAPPED : PLAIN, own, groups);
    if (!isCut) return;
    const elements = plan.batches * plan.m * plan.n;
    this.dispatch(
      recorder,
      this.combineOf(),
      buffers,
      WORKSPACE,
      words,
      Math.ceil(elements / COMBINE_GROUP),
    );
  }

  private dispatch(
    recorder: Recorder,
    { pipeline, buffers: own }: Shader,
    buffers: readonly GpuBuffer[],
    inputs: readonly number[],
    words: Int32Array,
    groups: number,
  ): void {
    const { bound } = this;
    const last = buffers.length - 1;
    bound.length = 0;
    for (const i of inputs) bound.push(buffers[i < 0 ? last : i]!);
    for (const i of own) bound.push(buffers[i < 0 ? last : i]!);
    recorder.dispatch(pipeline, bound, words, groups);
  }

  private shader(key: string, make: () => Assembled): Shader {
    let shader = this.shaders.get(key);
    if (shader === undefined) {
      const { source, buffers } = make();
      shader = { pipeline: this.gpu.pipeline(source), buffers };
      this.shaders.set(key, shader);
    }
    return shader;
  }

  private target(isPartial: boolean): Target {
    const { dtype, epilogue, plan } = this;
    return {
      dtype,
      epilogue: isPartial ? null : epilogue,
      isSwapped: plan.isSwapped,
      firstBuffer: 2,
    };
  }

  private productOf(isPartial: boolean): Shader {
    const { plan, dtype } = this;
    const broadcast = plan.tile.family === 'subgroup' ? this.broadcast : 0;
    const { tile, aMode, bMode, isSwapped } = plan;
    const modes = `${aMode} ${bMode} ${isSwapped} ${isPartial}`;
    const key = `${tile.family} ${tile.rows} ${tile.columns} ${modes}`;
    return this.shader(key, () => {
      const operands = { dtype, a: aMode, b: bMode };
      const target = this.target(isPartial);
      if (tile.family === 'workgroup') return workgroupShader(operands, tile, target);
      const { lanes } = tile;
      const fours = tile.columns / lanes / 4;
      return registerShader(operands, { rows: tile.rows, fours, lanes, broadcast }, target);
    });
  }

  private combineOf(): Shader {
    return this.shader(`combine ${this.plan.isSwapped}`, () => combineShader(this.target(false)));
  }
}

/** In the order of matmul-text.ts. */
function writeWords(words: Int32Array, plan: MatmulPlan): void {
  const { a, b } = plan;
  words[0] = plan.b0;
  words[1] = plan.b1;
  words[2] = plan.m;
  words[3] = plan.n;
  words[4] = plan.k;
  words[5] = a.offset;
  words[6] = a.s0;
  words[7] = a.s1;
  words[8] = a.outer;
  words[9] = a.inner;
  words[10] = b.offset;
  words[11] = b.s0;
  words[12] = b.s1;
  words[13] = b.inner;
  words[14] = b.outer;
  words[15] = plan.tilesM;
  words[16] = plan.tilesN;
  words[17] = plan.slices;
  words[18] = plan.depth;
}

export function prepareMatmul(spec: MatmulSpec, gpu: Gpu): GpuKernel {
  const { dtype } = spec;
  if (dtype === 'f64') {
    throw new DTypeError('matmul: expected f32 or f16, got f64, which WebGPU lacks (cast first)');
  }
  const multiplier = new Multiplier(gpu, dtype, spec.epilogue);
  const { plan } = multiplier;
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => multiplier.encode(recorder, buffers, args),
    (args) => {
      plan.read(args);
      return plan.workspace;
    },
  );
}
