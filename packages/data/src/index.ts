// @tenon/data: data sets, loaders, splits and file readers.
export {
  ArrayDataset,
  type ArrayDatasetOptions,
  type Column,
  type ColumnValues,
} from './array-dataset.ts';
export type { ByteSource } from './bytes.ts';
export { SampleError } from './collate.ts';
export { type CsvOptions, type CsvTable, parseCsv } from './csv.ts';
export { type CsvDatasetOptions, type CsvSource, csvDataset } from './csv-dataset.ts';
export { type Batch, DataLoader, type DataLoaderOptions } from './data-loader.ts';
export type {
  Dataset,
  HostArray,
  HostBatch,
  HostData,
  InMemoryDataset,
  Pair,
  Sample,
  SampleLike,
  SampleValue,
} from './dataset.ts';
export { digits } from './digits.ts';
export { type Fold, type FoldOptions, kFold, stratifiedKFold } from './folds.ts';
export { type IdxArray, type IdxData, parseIdx, readIdx } from './idx.ts';
export {
  fashionMnist,
  type IdxDatasetOptions,
  type IdxFiles,
  type ImageDataset,
  idxDataset,
} from './idx-dataset.ts';
export { type SplitOptions, split } from './split.ts';
export {
  concatDatasets,
  type MapDatasetOptions,
  mapDataset,
  subset,
} from './views.ts';
