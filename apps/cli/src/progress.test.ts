import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Output } from './output.ts';
import { TrainingProgress } from './progress.ts';

function terminal(
  isTTY: boolean,
  columns = 120,
): { stream: PassThrough & { isTTY: boolean }; text(): string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns });
  let written = '';
  stream.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  return { stream, text: () => written };
}

const result = { loss: 0.25, accuracy: 0.5, validationAccuracy: 0.75, seconds: 1.5 };

function train(output: Output): void {
  const progress = new TrainingProgress(output, 12);
  progress.epochStart(3, 10);
  progress.batchEnd(5, 0.5, 0.4);
  progress.epochEnd(3, result);
  progress.stop();
}

describe('TrainingProgress', () => {
  it('draws a bar with loss and accuracy where standard error is a terminal', () => {
    const [out, err] = [terminal(true), terminal(true)];
    train(new Output({}, { stdout: out.stream, stderr: err.stream }));
    expect(err.text()).toContain('epoch  3/12');
    expect(err.text()).toMatch(
      /█{24} 10\/10 {2}loss 0\.2500 {2}accuracy 50\.00 % {2}validation 75\.00 % {2}1\.5 s/,
    );
    expect(out.text()).toBe('');
  });

  it('leaves no setting of the terminal changed while it runs', () => {
    const [out, err] = [terminal(true), terminal(true)];
    const progress = new TrainingProgress(
      new Output({}, { stdout: out.stream, stderr: err.stream }),
      2,
    );
    progress.epochStart(1, 10);
    progress.batchEnd(5, 0.5, 0.4);
    // as after Ctrl-C: no stop(). Modes are set by CSI ? … h and l (cursor, line wrap).
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(err.text()).not.toMatch(/\x1b\[\?\d+[hl]/i);
    progress.stop();
  });

  it('shows the validation accuracy in a terminal of 80 columns', () => {
    const [out, err] = [terminal(true, 80), terminal(true, 80)];
    train(new Output({}, { stdout: out.stream, stderr: err.stream }));
    expect(err.text()).toContain('validation 75.00 %');
  });

  it('prints a line per epoch elsewhere', () => {
    const [out, err] = [terminal(false), terminal(false)];
    train(new Output({}, { stdout: out.stream, stderr: err.stream }));
    expect(out.text()).toBe(
      'epoch  3/12  loss 0.2500  accuracy 50.00 %  validation 75.00 %  1.5 s\n',
    );
    expect(err.text()).toBe('');
  });

  it('with --json keeps standard output free', () => {
    const [out, err] = [terminal(false), terminal(false)];
    train(new Output({ json: true }, { stdout: out.stream, stderr: err.stream }));
    expect(out.text()).toBe('');
    expect(err.text()).toContain('validation 75.00 %');
  });

  it('with --quiet prints nothing', () => {
    const [out, err] = [terminal(true), terminal(true)];
    train(new Output({ quiet: true }, { stdout: out.stream, stderr: err.stream }));
    expect(out.text() + err.text()).toBe('');
  });
});
