import sharp from 'sharp'
import { expect, test } from 'vitest'
import { heatMap } from '../../src/report/heat-map.ts'
import { lineChart, renderPng, renderSvg } from '../../src/report/plot.ts'

const chart = lineChart({
  title: 'Change rate',
  subtitle: 'tiny',
  x: 'First swapped decoder layer',
  y: 'Change rate',
  legend: 'Task',
  domain: [0, 1],
  format: '.0%',
  series: [
    { name: 'counting', points: [0.9, 0.5, null, 0].map((y, x) => ({ x, y })) },
    { name: 'ocr <b>', points: [1, 0.75, 0.5, 0.25].map((y, x) => ({ x, y })) },
  ],
})

const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map((match) => match[1])

test('a line chart has its titles, a legend entry a series, whole layers and percentages', async () => {
  const svg = await renderSvg(chart)
  expect(texts(svg)).toEqual(
    expect.arrayContaining(['Change rate', 'First swapped decoder layer', 'Task', 'counting', 'ocr &lt;b&gt;', '100%']),
  )
  // Between percentages and legend, the only numbers are those of the layer axis.
  expect(texts(svg).filter((text) => /^[\d.]+$/.test(text!))).toEqual(['0', '1', '2', '3'])
})

test('a null is a gap in the line, not a zero', async () => {
  const svg = await renderSvg(chart)
  const marks = [
    ...svg.matchAll(/<path aria-label="[^"]*Task: counting" [^>]*description="(line mark|point)"[^>]* d="([^"]*)"/g),
  ]
  const line = marks.find(([, kind]) => kind === 'line mark')![2]!
  expect(marks.filter(([, kind]) => kind === 'point')).toHaveLength(3)
  // Two pieces: points 0 and 1, then point 3 alone.
  expect(line.match(/M/g)).toHaveLength(2)
})

test('the same chart renders to the same bytes, whatever was drawn before it', async () => {
  expect(await renderSvg(chart)).toBe(await renderSvg(chart))
  const cells = [0, 1, 2].map((x) => ({ x, y: 0, value: x }))
  const grid = heatMap({ title: 'Mass', x: 'Head', y: 'Layer', value: 'Share', cells })
  const first = await renderSvg(grid)
  expect(first).toContain('gradient_0')
  expect(await renderSvg(grid)).toBe(first)
})

test('a PNG has two pixels to the unit by default, dark marks on white', async () => {
  const svg = await renderSvg(chart)
  const width = Number(svg.match(/width="(\d+)"/)![1])
  const png = sharp(await renderPng(svg))
  const { channels, ...metadata } = await png.stats()
  expect((await png.metadata()).width).toBe(2 * width)
  expect(channels[0]!.max).toBe(255)
  expect(channels[0]!.min).toBeLessThan(60)
  expect(metadata.isOpaque).toBe(true)
})
