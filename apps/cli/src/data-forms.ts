// The forms that `--data` takes; a file of its own so that help texts load no data package.

/** What `--data` accepts, for help texts and errors. */
export const DATA_FORMS: readonly string[] = [
  'digits',
  'fashion-mnist',
  'idx:<folder>',
  'csv:<file>',
];
