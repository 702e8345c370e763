import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { CompressionCodec, SchemaElement } from 'hyparquet'
import { type ColumnSource, parquetWriteFile } from 'hyparquet-writer'

/** A column as the Hub's parquet files declare it. */
type Kind = 'string' | 'int64' | 'double' | 'strings' | 'image' | { [field: string]: Kind }

/** Writes rows in the Hub's layout: images as struct<bytes, path>, lists in three levels, everything nullable. */
export function writeParquet(
  filename: string,
  columns: Record<string, Kind>,
  rows: readonly Record<string, unknown>[],
  options: { rowGroupSize?: number; codec?: CompressionCodec } = {},
): void {
  const columnData: ColumnSource[] = Object.keys(columns).map((name) => ({
    name,
    data: rows.map((row) => row[name] ?? null),
  }))
  const schema: SchemaElement[] = [
    { name: 'schema', num_children: columnData.length },
    ...Object.entries(columns).flatMap(([name, kind]) => elements(name, kind)),
  ]
  const compressors = { GZIP: gzipSync, BROTLI: brotliCompressSync }
  parquetWriteFile({ filename, columnData, schema, compressors, ...options })
}

function elements(name: string, kind: Kind): SchemaElement[] {
  const optional = { name, repetition_type: 'OPTIONAL' as const }
  switch (kind) {
    case 'string':
      return [{ ...optional, type: 'BYTE_ARRAY', converted_type: 'UTF8' }]
    case 'int64':
      return [{ ...optional, type: 'INT64' }]
    case 'double':
      return [{ ...optional, type: 'DOUBLE' }]
    case 'strings':
      return [
        { ...optional, converted_type: 'LIST', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
      ]
    case 'image':
      return [
        { ...optional, num_children: 2 },
        { name: 'bytes', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY' },
        ...elements('path', 'string'),
      ]
    default:
      return [
        { ...optional, num_children: Object.keys(kind).length },
        ...Object.entries(kind).flatMap(([field, inner]) => elements(field, inner)),
      ]
  }
}
