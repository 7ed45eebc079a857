// The architectures that `--model` names, and how each is trained unless the options say otherwise.
import {
  BatchNorm2d,
  Conv2d,
  Flatten,
  type Layer,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from '@tenon/nn';
import { UsageError } from './errors.ts';

/** The settings of a training run that the architecture has an opinion on. */
export interface TrainingDefaults {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Shift training images at random by up to so many pixels. */
  readonly shift: number;
}

interface Architecture {
  readonly defaults: TrainingDefaults;
  /** `shape`: one sample. Throws a UsageError where the architecture can't take it. */
  build(shape: readonly number[], classes: number): Layer;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  cnn: {
    defaults: { epochs: 8, batchSize: 50, learningRate: 5e-3, shift: 1 },
    build: cnn,
  },
  lenet: {
    defaults: { epochs: 10, batchSize: 32, learningRate: 2e-3, shift: 1 },
    build: lenet,
  },
  mlp: {
    defaults: { epochs: 10, batchSize: 32, learningRate: 1e-3, shift: 0 },
    build: (shape, classes) =>
      new Sequential([
        new Flatten(),
        new Linear(sizeOf(shape), 128),
        new ReLU(),
        new Linear(128, classes),
      ]),
  },
  linear: {
    defaults: { epochs: 10, batchSize: 32, learningRate: 1e-3, shift: 0 },
    build: (shape, classes) => new Sequential([new Flatten(), new Linear(sizeOf(shape), classes)]),
  },
};

const modelNames: readonly string[] = Object.keys(ARCHITECTURES);

/** How `name` is trained by default. Throws a UsageError for an unknown name. */
export function defaultsOf(name: string): TrainingDefaults {
  return architecture(name).defaults;
}

/** A fresh model `name` for samples of `shape`. Throws a UsageError where that can't be. */
export function buildModel(name: string, shape: readonly number[], classes: number): Layer {
  return architecture(name).build(shape, classes);
}

function architecture(name: string): Architecture {
  const found = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (!found) {
    throw new UsageError(`--model: expected one of ${modelNames.join(', ')}, got '${name}'`);
  }
  return found;
}

/**
 * conv 5x5, pool, conv 5x5, pool, both with batch norm, and one linear layer. ReLU follows the
 * pooling: the two commute, and so it sees a quarter of the elements.
 */
function cnn(shape: readonly number[], classes: number): Layer {
  const [channels, height, width] = imageShape('cnn', shape, 16);
  const rows = halved(halved(height - 4) - 4);
  const columns = halved(halved(width - 4) - 4);
  return new Sequential([
    new Conv2d(channels, 8, 5),
    new BatchNorm2d(8),
    new MaxPool2d(2),
    new ReLU(),
    new Conv2d(8, 24, 5),
    new BatchNorm2d(24),
    new MaxPool2d(2),
    new ReLU(),
    new Flatten(),
    new Linear(24 * rows * columns, classes),
  ]);
}

function lenet(shape: readonly number[], classes: number): Layer {
  const [channels, height, width] = imageShape('lenet', shape, 12);
  const rows = halved(halved(height) - 4);
  const columns = halved(halved(width) - 4);
  return new Sequential([
    new Conv2d(channels, 6, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(6, 16, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(16 * rows * columns, 120),
    new ReLU(),
    new Linear(120, 84),
    new ReLU(),
    new Linear(84, classes),
  ]);
}

function imageShape(
  model: string,
  shape: readonly number[],
  smallest: number,
): readonly [number, number, number] {
  const [channels, height, width] = shape;
  const isImage = shape.length === 3 && channels && height && width;
  if (!isImage || height < smallest || width < smallest) {
    throw new UsageError(
      `--model ${model}: expected images [channels, height, width] of at least ` +
        `${smallest}x${smallest}, got samples of shape [${shape.join(', ')}] ` +
        '(--model mlp takes any shape)',
    );
  }
  return [channels, height, width];
}

function halved(size: number): number {
  return Math.floor(size / 2);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
