// `tenon predict`: the class of one image, by a saved model.
import { noGrad, type Tensor, tensor } from '@tenon/core';
import {
  type BackendOptions,
  backendFields,
  backendLabel,
  openBackend,
  passedOver,
} from '../backends.ts';
import { FileError, NotFiniteError } from '../errors.ts';
import { fitInto, readPng } from '../image.ts';
import { loadModel } from '../model-file.ts';
import { type Output, percent } from '../output.ts';

export interface PredictOptions extends BackendOptions {
  readonly invert?: boolean;
}

/** So many classes are shown, most probable first. */
const SHOWN = 3;

export async function runPredict(
  path: string,
  imagePath: string,
  options: PredictOptions,
  output: Output,
): Promise<void> {
  const backend = await openBackend(options);
  for (const line of passedOver(backend)) output.info(line);
  const { model, description } = await loadModel(path);
  const [channels, height, width] = description.inputShape;
  if (description.inputShape.length !== 3 || channels !== 1 || !height || !width) {
    throw new FileError(
      `${path}: expected a model of grey images [1, height, width], ` +
        `got one of samples [${description.inputShape.join(', ')}]`,
      path,
    );
  }
  const image = fitInto(
    await readPng(imagePath, { invert: options.invert ?? false }),
    width,
    height,
  );
  const input = tensor(image.data, { shape: [1, 1, height, width] });
  const scores: Tensor = noGrad(() => model.forward(input).softmax(-1));
  const probabilities = [...(await scores.data())];
  if (!probabilities.every(Number.isFinite)) {
    throw new NotFiniteError(
      `predict: expected finite probabilities, got ${probabilities.join(', ')}: the weights of ` +
        `${path} are not finite (training diverged?)`,
    );
  }
  const ranked = description.classes
    .map((label, index) => ({ index, label, probability: probabilities[index] ?? 0 }))
    .sort((a, b) => b.probability - a.probability);
  const best = ranked[0]!;
  output.result(
    `${output.colours.bold(best.label)}  ${percent(best.probability)}  (${backendLabel(backend)})`,
  );
  for (const { label, probability } of ranked.slice(1, SHOWN)) {
    output.info(output.colours.dim(`${label}  ${percent(probability)}`));
  }
  output.document({
    command: 'predict',
    ...backendFields(backend),
    model: path,
    image: imagePath,
    class: best.index,
    label: best.label,
    probability: best.probability,
    probabilities,
  });
}
